/** What a server among the examples answers to what arrives at its request URL, whoever sends it. */
import type { EventSubscription } from "@effect-feishu/core"
import { Emulator } from "@effect-feishu/emulator"
import { assert } from "@effect/vitest"
import { Clock, Duration, Effect } from "effect"
import { connect } from "node:net"
import { gzipSync } from "node:zlib"
import * as Deliveries from "../../packages/core/test/deliveries.js"
import { get, pushed, secrets, type Started } from "./programs.js"

export interface Webhook extends Pick<Started, "output" | "printed"> {
  readonly appId: string
  readonly url: string
  /** `false` if the server has no handlers: it prints no event and gives an empty answer to a callback. */
  readonly hasHandlers: boolean
  /** The statuses that the framework answers before the library sees the request, with a body of the framework's. */
  readonly ofFramework: ReadonlyArray<number>
}

const key = secrets.FEISHU_ENCRYPT_KEY
const json = { "content-type": "application/json" }

/** Returns the status and the body of the answer. */
const post = (url: string, request: RequestInit) =>
  Effect.flatMap(
    get(url, { ...request, method: "POST" }),
    (response) => Effect.map(Effect.promise(() => response.text()), (text) => [response.status, text] as const)
  )

const requestOf = ({ body, headers }: EventSubscription.Delivery) => ({
  headers: headers as Record<string, string>,
  body: new Uint8Array(body)
})

const event = ({ appId }: Webhook, id: string, description = "") =>
  Deliveries.event2({
    id,
    appId,
    token: secrets.FEISHU_VERIFICATION_TOKEN,
    payload: { object: { open_id: "ou_1", name: "飞书", description } }
  })

/** Sends half of a body, and waits until the server has closed the connection. */
const breakOff = (url: string) =>
  Effect.async<void>((resume) => {
    const { hostname, pathname, port } = new URL(url)
    const socket = connect(Number(port), hostname)
    socket.end(
      `POST ${pathname} HTTP/1.1\r\nhost: ${hostname}\r\ncontent-type: application/json\r\ncontent-length: 4\r\n\r\n{ `
    )
    socket.resume()
    // The server may reset the connection.
    socket.on("error", () => {})
    socket.on("close", () => resume(Effect.void))
  })

const takesPushes = Effect.fnUntraced(function*({ appId, hasHandlers, printed, url }: Webhook) {
  const emulator = yield* Emulator.Emulator
  // The handshake may take 1 s, and no machine is too slow for that six times.
  yield* Effect.retry(emulator.setRequestUrl(appId, url), { times: 5 })
  yield* emulator.pushTicket(appId)
  const payload = { object: { open_id: "ou_1", name: "飞书" } }
  const eventId = yield* emulator.push(appId, { type: "contact.user.created_v3", payload })
  for (const eventType of ["app_ticket", "contact.user.created_v3"]) {
    const push = yield* pushed((push) =>
      push.appId === appId && push.eventType === eventType && push.outcome !== "timed out"
    )
    assert.deepInclude(push, { outcome: "acknowledged", status: 200 })
  }
  if (hasHandlers) yield* printed(new RegExp(`^A user was created: .*event ${eventId}\\.$`, "m"))
})

const answersCallbacks = Effect.fnUntraced(function*({ appId, hasHandlers }: Webhook) {
  const emulator = yield* Emulator.Emulator
  const action = { tag: "button", value: {} }
  const answer = yield* emulator.callback(appId, {
    type: "card.action.trigger",
    tenantKey: "tenant_1",
    payload: { operator: { open_id: "ou_1" }, token: "c-1", action, context: { open_message_id: "om_1" } }
  }).pipe(Effect.retry({ times: 5 }))
  assert.deepStrictEqual(answer, hasHandlers ? { toast: { type: "success", content: "You pressed a button." } } : {})
})

const refusesForgeries = Effect.fnUntraced(function*(webhook: Webhook) {
  const at = yield* Clock.currentTimeMillis
  const forged = event(webhook, "forged")
  const body = Deliveries.encrypted(forged, key)
  const forgeries: ReadonlyArray<readonly [string, EventSubscription.Delivery]> = [
    ["a signature by another key", Deliveries.signed(body, { at, key: "another key" })],
    ["a signature of yesterday", Deliveries.signed(body, { at: at - Duration.toMillis("1 day"), key })],
    ["no signature", Deliveries.unsigned(forged, key)],
    ["no encryption", Deliveries.plain(forged)]
  ]
  for (const [name, forgery] of forgeries) {
    assert.deepStrictEqual(yield* post(webhook.url, requestOf(forgery)), [401, ""], name)
  }
})

const refusesHostileInput = Effect.fnUntraced(function*(webhook: Webhook) {
  const { ofFramework, url } = webhook
  const refused = yield* get(url)
  assert.strictEqual(refused.status, 405)
  if (!ofFramework.includes(405)) assert.strictEqual(refused.headers.get("allow"), "POST")
  const at = yield* Clock.currentTimeMillis
  const genuine = requestOf(Deliveries.signed(Deliveries.encrypted(event(webhook, "gzip"), key), { at, key }))
  const refusals: ReadonlyArray<readonly [string, number, RequestInit]> = [
    ["no headers", 415, {}],
    ["a text", 415, { headers: { "content-type": "text/plain" }, body: "a text" }],
    ["gzip", 415, { headers: { ...genuine.headers, "content-encoding": "gzip" }, body: gzipSync(genuine.body) }],
    ["no JSON", 400, { headers: json, body: "{" }],
    ["no event", 401, { headers: json, body: "{}" }],
    ["too long", 413, { headers: json, body: " ".repeat(1_000_001) }]
  ]
  for (const [name, status, request] of refusals) {
    const [answered, text] = yield* post(url, request)
    assert.deepStrictEqual([answered, ofFramework.includes(status) ? "" : text], [status, ""], name)
  }
  yield* breakOff(url)
})

/** Delivers one event twice and a long one, and looks at what all events so far have led to. */
const handlesOnce = Effect.fnUntraced(function*(webhook: Webhook) {
  const at = yield* Clock.currentTimeMillis
  const twice = event(webhook, "twice")
  for (const json of [twice, twice, event(webhook, "long", "x".repeat(700_000))]) {
    const delivery = Deliveries.signed(Deliveries.encrypted(json, key), { at, key })
    assert.deepStrictEqual(yield* post(webhook.url, requestOf(delivery)), [200, ""])
  }
  if (!webhook.hasHandlers) return
  yield* webhook.printed(/event long\./)
  const handled = [...(yield* webhook.output).matchAll(/event (forged|gzip|twice|long)\./g)].map(([, id]) => id)
  assert.deepStrictEqual(handled, ["twice", "long"])
})

/** Sends what is genuine, what is forged and what is hostile. */
export const checkWebhook = Effect.fnUntraced(function*(webhook: Webhook) {
  yield* takesPushes(webhook)
  yield* answersCallbacks(webhook)
  yield* refusesForgeries(webhook)
  yield* refusesHostileInput(webhook)
  yield* handlesOnce(webhook)
})
