/** Bodies that are too long or break off, over sockets. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as Net from "node:net"
import * as Emulator from "../src/Emulator.js"
import * as Journal from "../src/Journal.js"
import * as Client from "./client.js"

const apps = [Client.storeApp, Client.selfBuiltApp]

const calls = Effect.flatMap(
  Emulator.Emulator,
  ({ journal }) => Effect.map(journal, (entries) => entries.filter(Journal.$is("Call")))
)

/** Waits for the newest call to be such a one. */
const awaitCall = (isIt: (call: ReturnType<typeof Journal.Call>) => boolean) =>
  Effect.gen(function*() {
    for (;;) {
      const call = (yield* calls).at(-1)
      if (call !== undefined && isIt(call)) return call
      yield* Effect.sleep("5 millis")
    }
  }).pipe(Effect.timeout("5 seconds"))

const limit = 32 * 1024 * 1024

/** Sends bytes to the server, and returns what comes back until the server closes the connection. */
const exchange = (baseUrl: string, parts: ReadonlyArray<string | Buffer>, { hangUp = false } = {}) =>
  Effect.async<string>((resume) => {
    const { hostname, port } = new URL(baseUrl)
    const socket = Net.connect(Number(port), hostname)
    const received: Array<Buffer> = []
    socket.on("data", (chunk) => received.push(chunk))
    socket.on("error", () => {})
    socket.on("close", () => resume(Effect.succeed(Buffer.concat(received).toString("utf8"))))
    for (const part of parts.slice(0, -1)) socket.write(part)
    socket.write(parts.at(-1) ?? "", () => {
      if (hangUp) socket.destroy()
    })
  }).pipe(Effect.timeout("10 seconds"))

const head = (length: number) => `POST /open-apis/x HTTP/1.1\r\nhost: x\r\ncontent-length: ${length}\r\n\r\n`

layer(Client.doors({ apps }).layerServer, { excludeTestServices: true })("A body at Emulator.layerServer", (it) => {
  it.effect("of 32 MB is read", () =>
    Effect.gen(function*() {
      const answer = yield* Client.send("POST", "/open-apis/x", { body: " ".repeat(limit) })
      assert.strictEqual(answer.body["code"], 99991661)
      const call = yield* awaitCall(({ status }) => status === 400)
      assert.match(call.received?.text ?? "", /^ {16384}… \(33554432 characters\)$/)
    }))

  it.effect("of more than 32 MB is answered with 413, is in the journal, and ends the connection", () =>
    Effect.gen(function*() {
      const { baseUrl, clearJournal } = yield* Emulator.Emulator
      yield* clearJournal
      // A second request in the same connection is not answered.
      const parts = [head(limit + 1), Buffer.alloc(limit + 1, " "), head(2), "{}"]
      const received = yield* exchange(baseUrl, parts)
      assert.match(received, /^HTTP\/1\.1 413 /)
      assert.include(received.toLowerCase(), "connection: close")
      assert.notMatch(received.slice(1), /HTTP\/1\.1/)
      const call = (yield* calls)[0]
      assert.deepInclude(call, { path: "/open-apis/x", outcome: "answered", status: 413, code: undefined })
      assert.include(call?.sent?.text, "32 MB")
    }))

  it.effect("of more than 32 MB does not hinder a client that reads answers only after its request", () =>
    Effect.gen(function*() {
      const answer = yield* Client.send("POST", "/open-apis/x", { body: " ".repeat(limit + 5_000_000) })
      assert.strictEqual(answer.status, 413)
      assert.strictEqual((yield* Client.send("POST", "/open-apis/x", { body: "{}" })).status, 400)
    }))

  it.effect("that broke off is in the journal with what had come, and the server goes on", () =>
    Effect.gen(function*() {
      const { baseUrl } = yield* Emulator.Emulator
      yield* exchange(baseUrl, [head(100), "{\"app_secret\": \"a sec"], { hangUp: true })
      const call = yield* awaitCall(({ outcome }) => outcome === "broken off")
      assert.deepInclude(call, { path: "/open-apis/x", status: undefined, code: undefined, sent: undefined })
      assert.strictEqual(call.received?.text, "{\"app_secret\": …")
      assert.strictEqual(Journal.line(call), "POST /open-apis/x: broken off by the client")
      assert.strictEqual((yield* Client.send("POST", "/open-apis/x", { body: "{}" })).status, 400)
    }))

  it.effect("that broke off uses up no fault", () =>
    Effect.gen(function*() {
      const { baseUrl, faults, setFaults } = yield* Emulator.Emulator
      yield* setFaults([{ _tag: "Drop" }])
      assert.strictEqual((yield* faults).length, 1)
      yield* exchange(baseUrl, [head(100), "{"], { hangUp: true })
      yield* awaitCall(({ outcome }) => outcome === "broken off")
      assert.strictEqual((yield* Effect.exit(Client.send("POST", "/open-apis/x", { body: "{}" })))._tag, "Failure")
    }))
})
