"""Walks two nodes with Mastodon.py, as an app would. Arguments: the addresses of both nodes."""

import datetime
import io
import sys
import time
import urllib.request
import wave

from mastodon import Mastodon, MastodonNotFoundError, StreamListener
from PIL import Image

SCOPES = ["read", "write", "follow", "push"]


def app(base):
    client_id, secret = Mastodon.create_app("Walk", api_base_url=base, scopes=SCOPES)
    return Mastodon(client_id=client_id, client_secret=secret, api_base_url=base, version_check_mode="none")


def sign_up(base, name):
    client = app(base)
    client.create_account(name, "a long password", f"{name}@mail.example", agreement=True, scopes=SCOPES, to_file=None)
    return client


def until(what, check):
    for _ in range(100):
        found = check()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{what} did not happen")


def main(here, there):
    ana, ben = sign_up(here, "ana"), sign_up(there, "ben")
    me = ana.account_verify_credentials()
    assert me.acct == "ana" and ana.instance().domain

    # Each follows the other, across the two nodes.
    far = ana.search_v2(f"{there}/users/ben", resolve=True).accounts[0]
    ana.account_follow(far.id)
    until("the follow", lambda: ana.account_relationships(far.id)[0].following)
    back = ben.search_v2(f"{here}/users/ana", resolve=True).accounts[0]
    ben.account_follow(back.id)
    until("the follow back", lambda: ana.account_relationships(far.id)[0].followed_by)

    heard = []

    class Listener(StreamListener):
        def on_update(self, status):
            heard.append(("update", status.uri))

        def on_notification(self, notification):
            heard.append(("notification", notification.type))

    stream = ben.stream_user(Listener(), run_async=True)
    time.sleep(1.5)

    picture = io.BytesIO()
    Image.new("RGB", (320, 200), (200, 30, 90)).save(picture, "PNG")
    media = ana.media_post(picture.getvalue(), mime_type="image/png", description="A red square", focus=(0.2, -0.4))
    post = ana.status_post("The boat sails #tour", media_ids=[media], language="en", idempotency_key="one")
    again = ana.status_post("The boat sails #tour", media_ids=[media], language="en", idempotency_key="one")
    assert again.id == post.id and post.media_attachments[0].description == "A red square"
    until("the post over there", lambda: ("update", post.uri) in heard)

    seen = until("the home", lambda: [s for s in ben.timeline_home() if s.uri == post.uri])[0]
    assert seen.media_attachments[0].url.startswith(there), "remote pictures come through the house"
    ben.status_favourite(seen.id)
    ben.status_reblog(seen.id)
    ben.status_bookmark(seen.id)
    assert [s.id for s in ben.bookmarks()] == [seen.id] and [s.id for s in ben.favourites()] == [seen.id]
    ben.status_post(f"@ana@{here.split('//')[1]} see you there", in_reply_to_id=seen.id)
    kinds = until("the notifications", lambda: {n.type for n in ana.notifications()} >= {"follow", "favourite", "reblog", "mention"})
    assert kinds and ana.grouped_notifications().notification_groups

    # A song: the library waits until it is ready, and the other house plays it.
    tune = io.BytesIO()
    with wave.open(tune, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(b"\0\x40\0\xc0" * 8000)
    song = ana.media_post(tune.getvalue(), mime_type="audio/wav", thumbnail=picture.getvalue(), thumbnail_mime_type="image/png", synchronous=True)
    assert song.url and song.type == "audio" and song.preview_url
    out = ana.status_post("Our new song", media_ids=[song])
    played = until("the song over there", lambda: [s for s in ben.timeline_home() if s.uri == out.uri])[0].media_attachments[0]
    assert played.type == "audio" and played.meta.original.duration == 2.0
    part = urllib.request.Request(played.url, headers={"Range": "bytes=0-3"})
    with urllib.request.urlopen(part) as answer:
        assert answer.status == 206 and answer.read() == b"RIFF"

    ana.status_update(post.id, "The boat sails at eight #tour", media_ids=[media])
    assert len(ana.status_history(post.id)) == 2
    until("the edit over there", lambda: "eight" in ben.status(seen.id).content)

    poll = ana.status_post("First song?", poll=ana.make_poll(["slow", "loud"], expires_in=3600))
    asked = until("the poll over there", lambda: [s for s in ben.timeline_home() if s.uri == poll.uri])[0]
    ben.poll_vote(asked.poll.id, [1])
    until("the vote", lambda: ana.poll(poll.poll.id).options[1].votes_count == 1)

    crew = ben.list_create("Crew")
    ben.list_accounts_add(crew.id, [back.id])
    assert any(s.uri == poll.uri for s in ben.timeline_list(crew.id))
    sea = ben.create_filter_v2("Sea", ["home"], "warn", keywords_attributes=[{"keyword": "boat", "whole_word": True}])
    assert [s for s in ben.timeline_home() if s.uri == post.uri][0].filtered
    ben.delete_filter_v2(sea.id)
    ben.list_delete(crew.id)
    assert any(t.name == "tour" for t in ben.search_v2("tour").hashtags)

    first = ana.timeline_home(limit=1)
    assert ana.fetch_next(first) and ana.fetch_previous(ana.fetch_next(first))
    later = ana.status_post("later", scheduled_at=datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1))
    assert ana.scheduled_status(later.id).id == later.id
    ana.scheduled_status_delete(later.id)
    ana.account_update_credentials(display_name="Ana", note="drums", fields=[("Web", "https://ana.example")])
    until("the profile over there", lambda: ben.account(back.id).display_name == "Ana")

    ben.report(back.id, status_ids=[seen.id], comment="too loud", forward=True)
    ana.status_delete(post.id)

    def gone():
        try:
            ben.status(seen.id)
        except MastodonNotFoundError:
            return True

    until("the end of the post over there", gone)
    ben.account_block(back.id)
    until("the end of the follow", lambda: not ana.account_relationships(far.id)[0].following)
    assert ben.blocks()[0].id == back.id
    ben.account_unblock(back.id)
    stream.close()
    print("Mastodon.py: everything went as it should")


main(*sys.argv[1:3])
