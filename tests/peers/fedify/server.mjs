// A small ActivityPub server with one actor, bob, for the integration tests. Fedify does the protocol: it verifies what
// arrives and signs what leaves. The tests drive bob and read what reached him under /_control.

import { AsyncLocalStorage } from "node:async_hooks";
import { createServer } from "node:http";
import { createFederation, generateCryptoKeyPair, MemoryKvStore } from "@fedify/fedify";
import {
  Accept, Activity, Announce, Create, Delete, Endpoints, Follow, getTypeId, isActor, Like, Mention, Note,
  Object as APObject, Person, PUBLIC_COLLECTION, Tombstone, Undo,
} from "@fedify/vocab";
import { Temporal } from "@js-temporal/polyfill";
import { configure } from "@logtape/logtape";

const BOB = "bob";

// Standard output carries the ready line only, so Fedify's log goes to standard error.
const lowestLevel = process.env.LOG_LEVEL ?? "warning";
await configure({
  contextLocalStorage: new AsyncLocalStorage(),
  sinks: { stderr: (entry) => complain(`${entry.category.join(".")}: ${logText(entry)}`) },
  loggers: [
    { category: "fedify", lowestLevel, sinks: ["stderr"] },
    { category: ["logtape", "meta"], lowestLevel: "warning", sinks: ["stderr"] },
  ],
});

// The ids carry the port, and with PORT=0 it is known only once the socket listens: federation is set up after that.
const server = createServer(answer);
await new Promise((resolve, reject) => {
  server.once("error", reject);
  server.listen(Number(process.env.PORT ?? 0), "127.0.0.1", resolve);
});
const { port } = server.address();
const host = process.env.HOST_NAME ?? `127.0.0.1:${port}`;
const origin = `http://${host}`;

// --- What bob knows -------------------------------------------------------------------------------------------------

const received = []; // every activity that Fedify verified, in order of arrival
const followers = new Map(); // actor id -> { id, inboxId, endpoints }
const notes = new Map(); // note id -> Note
const deleted = new Set(); // ids of notes that are gone

// 2048 bits, not Fedify's 4096: the key is made at every start, and a test waits for it.
const keyPairs = [
  await crypto.subtle.generateKey(
    { name: "RSASSA-PKCS1-v1_5", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" },
    true,
    ["sign", "verify"],
  ),
  await generateCryptoKeyPair("Ed25519"),
];

// --- Federation -----------------------------------------------------------------------------------------------------

// No queue: a listener has run when the inbox answers, and a failed delivery fails the control request that caused it.
const federation = createFederation({ kv: new MemoryKvStore(), origin, allowPrivateAddress: true });

federation
  .setActorDispatcher("/users/{identifier}", async (ctx, identifier) => {
    if (identifier !== BOB) return null;
    const keys = await ctx.getActorKeyPairs(BOB);
    return new Person({
      id: ctx.getActorUri(BOB),
      preferredUsername: BOB,
      name: "Bob",
      url: ctx.getActorUri(BOB),
      inbox: ctx.getInboxUri(BOB),
      outbox: ctx.getOutboxUri(BOB),
      followers: ctx.getFollowersUri(BOB),
      endpoints: new Endpoints({ sharedInbox: ctx.getInboxUri() }),
      publicKey: keys[0].cryptographicKey,
      assertionMethods: keys.map((key) => key.multikey),
    });
  })
  .setKeyPairsDispatcher((_ctx, identifier) => (identifier === BOB ? keyPairs : []))
  .mapHandle((_ctx, username) => username);

federation
  .setFollowersDispatcher("/users/{identifier}/followers", () => ({ items: [...followers.values()] }))
  .setCounter(() => followers.size);
federation.setOutboxDispatcher("/users/{identifier}/outbox", () => ({ items: [] })).setCounter(() => 0);
federation.setObjectDispatcher(
  Note,
  "/users/{identifier}/notes/{id}",
  (ctx, values) => notes.get(ctx.getObjectUri(Note, values).href) ?? null,
);

federation
  .setInboxListeners("/users/{identifier}/inbox", "/inbox")
  .on(Follow, async (ctx, follow) => {
    record(ctx, follow);
    if (follow.objectId?.href !== ctx.getActorUri(BOB).href) return;
    const follower = await follow.getActor(ctx);
    if (follower?.inboxId == null) throw new Error(`${follow.actorId} has no inbox to accept to`);
    followers.set(follower.id.href, { id: follower.id, inboxId: follower.inboxId, endpoints: follower.endpoints });
    // Answer the Follow first: its sender may handle one exchange with a peer at a time.
    setImmediate(() => accept(ctx, follow, follower).catch(complain));
  })
  .on(Undo, async (ctx, undo) => {
    record(ctx, undo);
    if ((await undo.getObject(ctx)) instanceof Follow) followers.delete(undo.actorId.href);
  })
  .on(Delete, async (ctx, deletion) => {
    record(ctx, deletion);
    if (deletion.objectId?.href === deletion.actorId.href) followers.delete(deletion.actorId.href);
  })
  .on(Activity, record) // Accept, Reject, Create, Update, Like, Announce and every other kind
  .onError((_ctx, error) => complain(error))
  // Remote keys are fetched with a signature at the shared inbox too, for peers that demand one.
  .setSharedKeyDispatcher(() => ({ identifier: BOB }));

function record(ctx, activity) {
  received.push({
    type: kind(activity),
    id: activity.id?.href ?? null,
    actor: activity.actorId?.href ?? null,
    object: activity.objectId?.href ?? null,
    activity: JSON.parse(ctx.data), // as it came: Fedify's own copy is normalised
    at: new Date().toISOString(),
  });
}

function accept(ctx, follow, follower) {
  return send(ctx, [follower], new Accept({ id: newId("accepts"), actor: ctx.getActorUri(BOB), object: follow }));
}

// --- What the tests ask of bob --------------------------------------------------------------------------------------

const controls = {
  "GET /_control/log": () => received,

  "GET /_control/followers": () => [...followers.keys()],

  "POST /_control/follow": async (ctx, { actor }) => {
    const followee = await fetchActor(ctx, actor);
    return await send(ctx, [followee], follow(ctx, newId("follows"), followee));
  },

  "POST /_control/undo-follow": async (ctx, { actor, id }) => {
    const followee = await fetchActor(ctx, actor);
    return await undo(ctx, [followee], follow(ctx, new URL(id), followee));
  },

  "POST /_control/create": async (ctx, { content, to = "public", inReplyTo, mention }) => {
    const isPublic = to === "public";
    const addressed = isPublic ? null : await fetchActor(ctx, to);
    const mentioned = mention == null ? null : await fetchActor(ctx, mention);
    // Whoever is addressed directly is mentioned too, as in a Mastodon direct message.
    const named = [addressed, mentioned].filter((actor) => actor != null);
    const audience = {
      tos: isPublic ? [PUBLIC_COLLECTION] : [addressed.id],
      ccs: [...(isPublic ? [ctx.getFollowersUri(BOB)] : []), ...(mentioned == null ? [] : [mentioned.id])],
    };
    const published = Temporal.Now.instant();
    const id = ctx.getObjectUri(Note, { identifier: BOB, id: crypto.randomUUID() });
    const note = new Note({
      id,
      url: id,
      attribution: ctx.getActorUri(BOB),
      content,
      published,
      replyTarget: inReplyTo == null ? null : new URL(inReplyTo),
      tags: named.map((actor) => new Mention({ href: actor.id, name: `@${actor.preferredUsername}@${actor.id.host}` })),
      ...audience,
    });
    notes.set(id.href, note);
    const actor = ctx.getActorUri(BOB);
    const create = new Create({ id: new URL("#create", id), actor, object: note, published, ...audience });
    await send(ctx, isPublic ? [...followers.values(), ...named] : named, create);
    return { id: id.href };
  },

  "POST /_control/delete": async (ctx, { id, actors }) => {
    const recipients = await Promise.all(actors.map((actor) => fetchActor(ctx, actor)));
    // An id that is not a note of his, such as his own, is named without a tombstone.
    const object = notes.has(id) || deleted.has(id) ? new Tombstone({ id: new URL(id) }) : new URL(id);
    if (notes.delete(id)) deleted.add(id);
    const deletion = new Delete({ id: newId("deletes"), actor: ctx.getActorUri(BOB), object, to: PUBLIC_COLLECTION });
    return await send(ctx, recipients, deletion);
  },

  "POST /_control/like": async (ctx, { object, actor }) =>
    await send(ctx, [await fetchActor(ctx, actor)], like(ctx, newId("likes"), object)),

  "POST /_control/undo-like": async (ctx, { object, actor, id }) =>
    await undo(ctx, [await fetchActor(ctx, actor)], like(ctx, new URL(id), object)),

  "POST /_control/announce": async (ctx, { object, actor }) => {
    const author = await fetchActor(ctx, actor);
    return await send(ctx, [...followers.values(), author], announce(ctx, newId("announces"), object, author));
  },

  "POST /_control/undo-announce": async (ctx, { object, actor, id }) => {
    const author = await fetchActor(ctx, actor);
    return await undo(ctx, [...followers.values(), author], announce(ctx, new URL(id), object, author));
  },

  "POST /_control/fetch": async (ctx, { url }) => (await fetchSigned(ctx, url)).document,
};

function follow(ctx, id, followee) {
  return new Follow({ id, actor: ctx.getActorUri(BOB), object: followee.id });
}

function like(ctx, id, object) {
  return new Like({ id, actor: ctx.getActorUri(BOB), object: new URL(object) });
}

function announce(ctx, id, object, author) {
  return new Announce({
    id,
    actor: ctx.getActorUri(BOB),
    object: new URL(object),
    tos: [PUBLIC_COLLECTION],
    ccs: [ctx.getFollowersUri(BOB), author.id],
  });
}

async function undo(ctx, recipients, activity) {
  return await send(ctx, recipients, new Undo({ id: newId("undos"), actor: ctx.getActorUri(BOB), object: activity }));
}

async function send(ctx, recipients, activity) {
  await ctx.sendActivity({ identifier: BOB }, recipients, activity, { preferSharedInbox: true });
  return { id: activity.id.href };
}

async function fetchSigned(ctx, url) {
  const load = await ctx.getDocumentLoader({ identifier: BOB });
  return await load(url);
}

// Not ctx.lookupObject: that hides why a fetch failed, which is what a test wants to read.
async function fetchActor(ctx, url) {
  const { document } = await fetchSigned(ctx, url);
  const actor = await APObject.fromJsonLd(document, ctx);
  if (!isActor(actor)) throw new Error(`${url} is a ${kind(actor)}, not an actor`);
  if (actor.id == null || actor.inboxId == null) throw new Error(`${url} lacks an id or an inbox`);
  return actor;
}

function newId(collection) {
  return new URL(`${origin}/users/${BOB}#${collection}/${crypto.randomUUID()}`);
}

// --- HTTP -----------------------------------------------------------------------------------------------------------

async function answer(incoming, outgoing) {
  const response = await toRequest(incoming).then(respond).catch((error) => {
    complain(error);
    return Response.json({ error: error?.message ?? String(error) }, { status: 500 });
  });
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  outgoing.end(Buffer.from(await response.arrayBuffer()));
}

async function respond(request) {
  const { pathname } = new URL(request.url);
  if (!pathname.startsWith("/_control/")) {
    return await federation.fetch(request, { contextData: await request.clone().text(), onNotFound });
  }
  const control = controls[`${request.method} ${pathname}`];
  if (control == null) return Response.json({ error: "no such control" }, { status: 404 });
  const input = request.method === "POST" ? await request.json() : {};
  return Response.json(await control(federation.createContext(new URL(origin), ""), input));
}

function onNotFound(request) {
  const gone = deleted.has(origin + new URL(request.url).pathname);
  return new Response(null, { status: gone ? 410 : 404 });
}

// RFC 9421 signatures cover the whole URL, so it is rebuilt from the authority that the sender used.
async function toRequest(incoming) {
  const chunks = await incoming.toArray();
  return new Request(`http://${incoming.headers.host ?? host}${incoming.url}`, {
    method: incoming.method,
    headers: Object.entries(incoming.headersDistinct).flatMap(([name, values]) => values.map((value) => [name, value])),
    body: chunks.length === 0 ? undefined : Buffer.concat(chunks),
  });
}

function kind(object) {
  return getTypeId(object).href.split(/[#/]/).pop();
}

function logText({ message }) {
  return message.map((part) => (typeof part === "string" ? part : (part?.stack ?? JSON.stringify(part)))).join("");
}

function complain(error) {
  process.stderr.write(`${error?.stack ?? error}\n`);
}

process.once("SIGTERM", () => process.exit(0));
console.log(`listening http://127.0.0.1:${port}`);
