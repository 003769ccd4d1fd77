"""A mail server that others wrote: takes mail on loopback, reads it as a mail program does, and says what arrived.

Prints its port, then one JSON object a mail. Ends when its standard input does.
"""

import asyncio
import email
import email.policy
import json
import sys

from aiosmtpd.smtp import SMTP


class House:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("gone@"):
            return "550 5.1.1 No such user"
        if address.startswith("strict@"):
            return "550 5.7.1 Looks like advertising"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        parts = [part for part in mail.walk() if not part.is_multipart()]
        arrived = {
            "to": envelope.rcpt_tos,
            "subject": mail["Subject"],
            "kind": mail.get_content_type(),
            "parts": {part.get_content_type(): part.get_content() for part in parts},
            "stop": mail["List-Unsubscribe"],
            "click": mail["List-Unsubscribe-Post"],
            "defects": [str(defect) for part in mail.walk() for defect in part.defects],
        }
        print(json.dumps(arrived), flush=True)
        return "250 OK"


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(House(), hostname="mail.test"), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


asyncio.run(main())
