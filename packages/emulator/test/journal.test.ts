/** What the journal keeps of requests and answers, and what it never shows. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck, Redacted, TestClock } from "effect"
import type { App } from "../src/App.js"
import * as Emulator from "../src/Emulator.js"
import * as Journal from "../src/Journal.js"
import * as Client from "./client.js"

const apps = [Client.storeApp, Client.selfBuiltApp]

const calls = Effect.flatMap(
  Emulator.Emulator,
  ({ journal }) => Effect.map(journal, (entries) => entries.filter(Journal.$is("Call")))
)

it.effect("A body of more than 32 MB is answered with 413 in the same process, too", () =>
  Effect.gen(function*() {
    const answer = yield* Client.send("POST", "/open-apis/x", { body: " ".repeat(32 * 1024 * 1024 + 1) })
    assert.strictEqual(answer.status, 413)
    assert.deepInclude((yield* calls).at(-1), { outcome: "answered", status: 413 })
  }).pipe(Effect.provide(Emulator.layerHttpClient({ apps }))))

describe("The journal", () => {
  it.effect("keeps headers and texts of the newest 2,000 entries", () =>
    Effect.gen(function*() {
      for (let n = 0; n < 2_005; n++) yield* Client.send("POST", `/open-apis/x/${n}`, { body: `{"n":${n}}` })
      const entries = yield* calls
      assert.strictEqual(entries.length, 2_005)
      const isBare = ({ received, sent }: typeof entries[number]) => received === undefined && sent === undefined
      assert.deepStrictEqual(entries.map(isBare).lastIndexOf(true), 4)
      assert.deepInclude(entries[0], { path: "/open-apis/x/0", status: 400, code: 99991661 })
      assert.strictEqual(entries[5]?.received?.text, "{\"n\":5}")
    }).pipe(Effect.provide(Emulator.layerHttpClient({ apps }))))

  it.effect("cuts texts off after 16,384 characters, and names after 1,024", () =>
    Effect.gen(function*() {
      yield* Client.send("POST", "/open-apis/x", { body: JSON.stringify({ text: "x".repeat(16_384 - 11) }) })
      assert.strictEqual((yield* calls).at(-1)?.received?.text.length, 16_384)
      assert.notInclude((yield* calls).at(-1)?.received?.text, "…")
      yield* Client.send("POST", "/open-apis/x", { body: JSON.stringify({ text: "x".repeat(16_384) }) })
      assert.match((yield* calls).at(-1)?.received?.text ?? "", /^.{16384}… \(16395 characters\)$/)
      yield* Client.send("POST", `/open-apis/${"x".repeat(2_000)}?${"y".repeat(2_000)}`, {})
      assert.match((yield* calls).at(-1)?.path ?? "", /^.{1024}… \(2011 characters\)$/)
      assert.match((yield* calls).at(-1)?.query ?? "", /^.{1024}… \(2000 characters\)$/)
      yield* Client.tenantToken("a-none", "z".repeat(2_000))
      assert.match((yield* calls).at(-1)?.tenantKey ?? "", /^.{1024}… \(2000 characters\)$/)
    }).pipe(Effect.provide(Emulator.layerHttpClient({ apps }))))
})

describe("A secret", () => {
  const quoted: App = {
    ...Client.storeApp,
    appId: "cli_quoted",
    appSecret: Redacted.make("a \"secret\" with \\ and 密 &+%"),
    encryptKey: Redacted.make("t-secret (.*)[a-z]$^|?"),
    verificationToken: Redacted.make("a \"secret\" with \\ and 密 &+% and more")
  }
  const secretsOf = ({ appSecret, encryptKey, verificationToken }: App) =>
    [appSecret, encryptKey, verificationToken].flatMap((secret) => secret === undefined ? [] : [Redacted.value(secret)])

  /** A secret as it is, in JSON, in JSON that is a string in JSON, and in a URL. */
  const spellings = (secret: string) => {
    const inJson = JSON.stringify(secret).slice(1, -1)
    return [
      secret,
      inJson,
      JSON.stringify(inJson).slice(1, -1),
      new URLSearchParams({ "": secret }).toString().slice(1)
    ]
  }

  type Piece = { readonly secret: number } | string

  /** Text around secrets, each given by a number. */
  const pieces: FastCheck.Arbitrary<ReadonlyArray<Piece>> = FastCheck.array(
    FastCheck.oneof(
      FastCheck.record({ secret: FastCheck.nat() }),
      FastCheck.string({ maxLength: 5 }),
      FastCheck.constantFrom("app_secret", "token", "{", "\"", "=", "a", "0", " ", "\\", "Bearer ", "u-", "eyJ")
    ),
    { minLength: 1, maxLength: 6 }
  )
  /** How a client may put a text into a body. */
  const shapes: ReadonlyArray<(text: string) => string> = [
    (text) => text,
    (text) => JSON.stringify(text),
    (text) => JSON.stringify({ text }),
    (text) => JSON.stringify({ [text]: 1 }),
    (text) => JSON.stringify([[{ deep: { content: JSON.stringify({ text }) } }]]),
    (text) => JSON.stringify({ app_secret: [text], token: { text }, app_ticket: text }),
    (text) => `{"app_secret": ${JSON.stringify(text)}, "broken`,
    (text) => new URLSearchParams({ text, app_secret: text }).toString(),
    (text) => JSON.stringify({ text: "x".repeat(16_370) + text })
  ]
  const scenario = FastCheck.record({
    pieces,
    shape: FastCheck.constantFrom(...shapes),
    header: FastCheck.constantFrom("x-any", "authorization", "cookie", "x-lark-signature")
  })

  it.effect("never appears in the journal, wherever a body, a query, a header, an event or an answer has it", () => {
    const received = Client.receiver(Client.storeApp)
    const store: App = { ...Client.storeApp, requestUrl: received.requestUrl }
    const jwt: App = { ...Client.selfBuiltApp, appId: "cli_jwt", jwtTokens: true }
    const all = [store, jwt, quoted, Client.selfBuiltApp]
    return Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      yield* emulator.pushTicket(store.appId)
      yield* TestClock.adjust("1 second")
      const app = (yield* Client.appToken(store, received.tickets[0] ?? "")).body["app_access_token"]
      const tenant = (yield* Client.tenantToken(app, "tenant_1")).body["tenant_access_token"]
      yield* Client.tenantTokenInternal(jwt)
      yield* emulator.userToken(store.appId)
      const values = (appId: string) =>
        Effect.map(
          Effect.zip(emulator.tickets(appId), emulator.tokens(appId)),
          (lists) => lists.flat().map(({ value }) => Redacted.value(value))
        )
      const secrets = [
        ...all.flatMap(secretsOf),
        ...(yield* values(store.appId)),
        ...(yield* values(jwt.appId))
      ]
      assert.strictEqual(secrets.length, 3 + 1 + 3 + 1 + 4 + 1)
      yield* emulator.answer("/open-apis/echo", ({ body }) => body)

      const check = (test: typeof scenario extends FastCheck.Arbitrary<infer A> ? A : never) =>
        Effect.gen(function*() {
          const text = test.pieces.map((piece) =>
            typeof piece === "string" ? piece : secrets[piece.secret % secrets.length]
          ).join("")
          const header = text.replace(/[^\x20-\x7e]/g, "").trim()
          yield* Client.send("POST", `/open-apis/echo?${new URLSearchParams({ text })}`, {
            body: test.shape(text),
            authorization: `Bearer ${tenant}`,
            headers: { "x-any": header }
          })
          yield* Client.send("POST", `/open-apis/echo/${new URLSearchParams({ text })}`, {
            body: test.shape(text),
            headers: { [test.header]: header }
          })
          yield* Client.post("/open-apis/auth/v3/tenant_access_token", { app_access_token: text, tenant_key: text })
          yield* emulator.push(store.appId, { type: "test", payload: { text: test.shape(text) } })
          yield* TestClock.adjust("1 second")
          const texts: Array<string> = []
          JSON.parse(JSON.stringify(yield* emulator.journal), (name, value) => {
            texts.push(name, typeof value === "string" ? value : "")
          })
          const shown = texts.join("\n")
          for (const secret of secrets) {
            for (const spelling of spellings(secret)) assert.notInclude(shown, spelling)
          }
          yield* emulator.clearJournal
        })
      for (const test of FastCheck.sample(scenario, 100)) yield* check(test)
    }).pipe(Effect.provide(Emulator.layerHttpClient({ apps: all })))
  })

  it.effect("that is a ticket or a token shows its ends", () =>
    Effect.gen(function*() {
      const authorization = yield* Client.bearer
      const value = authorization.slice("Bearer ".length)
      yield* Client.send("POST", `/open-apis/x/${value}`, { body: `see ${value}!`, authorization })
      const call = (yield* calls).at(-1)
      const shown = `${value.slice(0, 4)}…${value.slice(-2)}`
      assert.strictEqual(call?.path, `/open-apis/x/${shown}`)
      assert.strictEqual(call?.received?.text, `see ${shown}!`)
      assert.strictEqual(call?.received?.headers["authorization"], `Bearer ${shown}`)
    }).pipe(Effect.provide(Emulator.layerHttpClient({ apps }))))
})
