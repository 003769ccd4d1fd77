// Walks two nodes with masto, as an app would. Arguments: the addresses of both nodes.
import assert from "node:assert/strict";
import { createOAuthAPIClient, createRestAPIClient, createStreamingAPIClient } from "masto";

const [here, there] = process.argv.slice(2);
const scopes = "read write follow push";

async function signUp(url, name) {
  const open = createRestAPIClient({ url });
  const app = await open.v1.apps.create({ clientName: "Walk", redirectUris: "urn:ietf:wg:oauth:2.0:oob", scopes });
  const oauth = createOAuthAPIClient({ url });
  const alone = await oauth.token.create({ clientId: app.clientId, clientSecret: app.clientSecret, grantType: "client_credentials", scope: scopes });
  const registered = await createRestAPIClient({ url, accessToken: alone.accessToken }).v1.accounts.create({
    username: name, email: `${name}@mail.example`, password: "a long password", agreement: true, locale: "en",
  });
  return { rest: createRestAPIClient({ url, accessToken: registered.accessToken }), token: registered.accessToken };
}

async function until(what, check) {
  for (let n = 0; n < 100; n++) {
    const found = await check();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${what} did not happen`);
}

const all = (paginator) => paginator.then((page) => [...page]);
const { rest: cleo } = await signUp(here, "cleo");
const { rest: dora, token } = await signUp(there, "dora");
const me = await cleo.v1.accounts.verifyCredentials();
assert.equal(me.acct, "cleo");
assert.ok((await cleo.v2.instance.fetch()).configuration.vapid.publicKey);

const far = (await cleo.v2.search.list({ q: `${there}/users/dora`, resolve: true })).accounts[0];
await cleo.v1.accounts.$select(far.id).follow();
const relation = async () => (await cleo.v1.accounts.relationships.fetch({ id: [far.id] }))[0];
await until("the follow", async () => (await relation()).following);
const back = (await dora.v2.search.list({ q: `${here}/users/cleo`, resolve: true })).accounts[0];
await dora.v1.accounts.$select(back.id).follow();
await until("the follow back", async () => (await relation()).followedBy);

const heard = [];
const live = createStreamingAPIClient({ streamingApiUrl: there.replace("http", "ws"), accessToken: token });
(async () => {
  for await (const event of live.user.subscribe()) heard.push(event.event === "update" ? event.payload.uri : event.event);
})().catch(() => {});
await new Promise((resolve) => setTimeout(resolve, 1500));

const png = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==", "base64");
const media = await cleo.v2.media.create({ file: new Blob([png], { type: "image/png" }), description: "A dot", focus: "0.0,0.5" });
const post = await cleo.v1.statuses.create(
  { status: "Doors at eight #show", mediaIds: [media.id], visibility: "public", sensitive: true, spoilerText: "loud" },
  { headers: { "Idempotency-Key": "one" } },
);
assert.equal(post.mediaAttachments[0].description, "A dot");
await until("the post over there", () => heard.includes(post.uri));
const seen = await until("the home", async () => (await all(dora.v1.timelines.home.list())).find((one) => one.uri === post.uri));
const it = dora.v1.statuses.$select(seen.id);
for (const verb of ["favourite", "reblog", "bookmark", "mute", "unmute", "unbookmark"]) await it[verb]();
await dora.v1.statuses.create({ status: `@cleo@${here.split("//")[1]} see you`, inReplyToId: seen.id });
await until("the notifications", async () => {
  const kinds = new Set((await all(cleo.v1.notifications.list())).map((one) => one.type));
  return ["follow", "favourite", "reblog", "mention"].every((kind) => kinds.has(kind));
});
assert.ok((await cleo.v2.notifications.list()).notificationGroups.length > 0);
await cleo.v1.statuses.$select(post.id).update({ status: "Doors at nine #show", mediaIds: [media.id] });
assert.equal((await cleo.v1.statuses.$select(post.id).history.list()).length, 2);
await until("the edit over there", async () => (await it.fetch()).content.includes("nine"));
const poll = await cleo.v1.statuses.create({ status: "First song?", poll: { options: ["slow", "loud"], expiresIn: 600 } });
const asked = await until("the poll over there", async () => (await all(dora.v1.timelines.home.list())).find((one) => one.uri === poll.uri));
await dora.v1.polls.$select(asked.poll.id).votes.create({ choices: [0] });
await until("the vote", async () => (await cleo.v1.polls.$select(poll.poll.id).fetch()).options[0].votesCount === 1);

const list = await dora.v1.lists.create({ title: "Crew" });
await dora.v1.lists.$select(list.id).accounts.create({ accountIds: [back.id] });
assert.ok((await all(dora.v1.timelines.list.$select(list.id).list())).length > 0);
await dora.v1.lists.$select(list.id).remove();
const filter = await dora.v2.filters.create({ title: "Doors", context: ["home"], filterAction: "warn", keywordsAttributes: [{ keyword: "doors", wholeWord: true }] });
assert.equal((await all(dora.v1.timelines.home.list())).find((one) => one.uri === post.uri).filtered.length, 1);
await dora.v2.filters.$select(filter.id).remove();
assert.ok((await dora.v2.search.list({ q: "show" })).hashtags.some((tag) => tag.name === "show"));
await dora.v1.reports.create({ accountId: back.id, statusIds: [seen.id], comment: "too loud" });
await cleo.v1.statuses.$select(post.id).remove();
await until("the end of the post", () => it.fetch().then(() => false, (error) => error.statusCode === 404));
await dora.v1.accounts.$select(back.id).block();
await until("the end of the follow", async () => !(await relation()).following);
live.close();
console.log("masto: everything went as it should");
process.exit(0);
