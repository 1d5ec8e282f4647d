/** `verify`, with deliveries that the platform's own crypto has made, and with those that somebody has not. */
import * as EventCrypto from "@effect-feishu/emulator/EventCrypto"
import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { assert, describe, layer } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { randomBytes } from "node:crypto"
import { documentIn, run, runInTerminal, secrets, visible } from "./feishuTicket.js"
import { runHere } from "./runHere.js"

const { FEISHU_ENCRYPT_KEY: key, FEISHU_VERIFICATION_TOKEN: token } = secrets

const payload = { open_id: "ou_1", text: "<at>你好</at>", nested: { list: [1, null, "two"] } }

const header = { event_id: "event-1", token, create_time: "1760000000000", tenant_key: "tenant_1", app_id: "cli_mine" }

const event2 = JSON.stringify({
  schema: "2.0",
  header: { ...header, event_type: "contact.user.created_v3" },
  event: payload
})

const event1 = JSON.stringify({
  ts: "1502199207.7171419",
  uuid: "event-2",
  token,
  type: "event_callback",
  event: { app_id: "cli_mine", tenant_key: "tenant_1", type: "app_open", ...payload }
})

const ticket = "a-ticket-of-the-app-0123456789"

const ticketEvent = JSON.stringify({
  ts: "1502199207.7171419",
  uuid: "event-3",
  token,
  type: "event_callback",
  event: { app_id: "cli_mine", app_ticket: ticket, type: "app_ticket" }
})

const cardToken = "c-295ee57216a5dc9de90fefd0aadb4b1d7d"

const click = { operator: { open_id: "ou_1" }, token: cardToken, action: { tag: "button", value: { token: "mine" } } }

const callback = JSON.stringify({
  schema: "2.0",
  header: { ...header, event_type: "card.action.trigger" },
  event: click
})

const challenge = JSON.stringify({ challenge: "a-challenge", token, type: "url_verification" })

const encrypted = (text: string, encryptKey = key) =>
  JSON.stringify({ encrypt: EventCrypto.encrypt({ encryptKey, iv: randomBytes(16), text }) })

/** The options that go with a body, as the platform signed it so many seconds ago. */
const signed = (body: string, { ago = 0, encryptKey = key } = {}) =>
  Effect.map(Clock.currentTimeMillis, (now) => {
    const timestamp = String(Math.floor(now / 1000) - ago)
    const nonce = "a-nonce"
    const signature = EventCrypto.sign({ timestamp, nonce, encryptKey, body })
    return ["--timestamp", timestamp, "--nonce", nonce, "--signature", signature]
  })

const withKey = { FEISHU_APP_ID: "cli_mine", FEISHU_ENCRYPT_KEY: key, FEISHU_VERIFICATION_TOKEN: token }

const withToken = { FEISHU_APP_ID: "cli_mine", FEISHU_VERIFICATION_TOKEN: token }

/** A file that holds the body, until the scope ends. */
const fileOf = (body: string | Uint8Array) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const file = yield* fs.makeTempFileScoped()
    yield* fs.writeFile(file, Buffer.from(body))
    return file
  })

const assertNoSecrets = (text: string) => {
  for (const secret of [...Object.values(secrets), ticket, cardToken]) assert.notInclude(text, secret)
}

const verifyHere = (
  body: string | Uint8Array,
  options: { readonly args?: ReadonlyArray<string>; readonly env?: Record<string, string> } = {}
) =>
  Effect.gen(function*() {
    const file = yield* fileOf(body)
    const result = yield* runHere(["verify", "--body", file, ...options.args ?? []], { env: options.env ?? withKey })
    assertNoSecrets(result.stdout + result.stderr)
    return result
  }).pipe(Effect.scoped)

/** The document of one that is genuine. */
const genuine = (...args: Parameters<typeof verifyHere>) =>
  Effect.map(verifyHere(args[0], { ...args[1], args: ["--json", ...args[1]?.args ?? []] }), ({ code, stdout }) => {
    const document = documentIn(stdout)
    assert.strictEqual(code, 0, stdout)
    assert.deepInclude(document, { ok: true, genuine: true })
    return document
  })

/** `code, why` of one that is not. */
const refusal = (...args: Parameters<typeof verifyHere>) =>
  Effect.map(verifyHere(args[0], { ...args[1], args: ["--json", ...args[1]?.args ?? []] }), ({ code, stdout }) => {
    const { error, genuine, ok } = documentIn(stdout) as {
      readonly ok: boolean
      readonly genuine?: false
      readonly error: { readonly _tag: string; readonly reason?: string; readonly message: string }
    }
    assert.isFalse(ok)
    assert.strictEqual(genuine, code === 1 ? false : undefined)
    return { code, why: error.reason ?? error._tag, message: error.message }
  })

const seen2 = {
  holds: "event",
  event: {
    type: "contact.user.created_v3",
    id: "event-1",
    appId: "cli_mine",
    tenantKey: "tenant_1",
    createdAt: "2025-10-09T08:53:20Z",
    payload
  }
}

const seen1 = {
  holds: "event",
  event: {
    type: "app_open",
    id: "event-2",
    appId: "cli_mine",
    tenantKey: "tenant_1",
    createdAt: "2017-08-08T13:33:27Z",
    payload: { app_id: "cli_mine", tenant_key: "tenant_1", type: "app_open", ...payload }
  }
}

const seenTicket = {
  holds: "ticket",
  appId: "cli_mine",
  ticket: "a-ti…",
  revealed: false,
  sentAt: "2017-08-08T13:33:27Z"
}

const seenCallback = {
  holds: "callback",
  event: {
    type: "card.action.trigger",
    id: "event-1",
    appId: "cli_mine",
    tenantKey: "tenant_1",
    createdAt: "2025-10-09T08:53:20Z",
    payload: { ...click, token: "c-29…" }
  },
  revealed: false
}

const seenChallenge = { holds: "challenge", challenge: "a-challenge" }

layer(NodeContext.layer, { excludeTestServices: true, timeout: "40 seconds" })("verify", (it) => {
  describe("what is genuine", () => {
    it.effect("is signed and encrypted, and says when", () =>
      Effect.gen(function*() {
        for (
          const [text, seen] of [[event2, seen2], [event1, seen1], [ticketEvent, seenTicket], [
            callback,
            seenCallback
          ]] as const
        ) {
          const body = encrypted(text)
          const { ageSeconds, signedAt, ...document } = yield* genuine(body, {
            args: yield* signed(body, { ago: 3600 })
          })
          assert.deepStrictEqual(document, {
            ok: true,
            genuine: true,
            provenBy: ["its signature", "its verification token"],
            ...seen
          })
          assert.isTrue(typeof ageSeconds === "number" && ageSeconds >= 3600 && ageSeconds < 3700, String(ageSeconds))
          assert.match(String(signedAt), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
        }
      }))

    it.effect("is a handshake that is encrypted, whatever signature is said to be its", () =>
      Effect.gen(function*() {
        const body = encrypted(challenge)
        const other = yield* signed("another body")
        for (const args of [[], other]) {
          assert.deepStrictEqual(yield* genuine(body, { args }), {
            ok: true,
            genuine: true,
            provenBy: ["its encryption", "its verification token"],
            ...seenChallenge
          })
        }
      }))

    it.effect("is in plain text and has the verification token", () =>
      Effect.gen(function*() {
        const cases = [[event2, seen2], [event1, seen1], [ticketEvent, seenTicket], [challenge, seenChallenge]] as const
        for (const [body, seen] of cases) {
          assert.deepStrictEqual(yield* genuine(body, { env: withToken }), {
            ok: true,
            genuine: true,
            provenBy: ["its verification token"],
            ...seen
          })
        }
      }))

    it.effect("is a callback, whose token is a secret", () =>
      Effect.gen(function*() {
        const { stderr, stdout } = yield* verifyHere(callback, { env: withToken })
        assert.strictEqual(stderr, "")
        assert.include(stdout, "\nholds     a callback, card.action.trigger\n")
        assert.include(stdout, "\"token\": \"c-29…\"")
        assert.include(stdout, "\"token\": \"mine\"")
        const body = yield* fileOf(callback)
        const revealed = yield* runHere(["verify", "--body", body, "--reveal"], { env: withToken })
        assert.include(revealed.stdout, cardToken)
      }).pipe(Effect.scoped))

    it.effect("stays so, however old, long, or oddly spaced it is, and wherever the clocks are", () =>
      Effect.gen(function*() {
        const body = encrypted(event2)
        const [old, early] = yield* Effect.all([signed(body, { ago: 730 * 86400 }), signed(body, { ago: -3600 })])
        assert.include((yield* verifyHere(body, { args: old })).stdout, "✓ genuine: proven by its signature and")
        assert.match((yield* verifyHere(body, { args: old })).stdout, /, signed 730d( \w+)* ago\n/)
        assert.match((yield* verifyHere(body, { args: early })).stdout, /, signed (1h|59m( \d+s)?) from now\n/)

        const spaced = `\n{ "encrypt" :\t${JSON.stringify(JSON.parse(body).encrypt)} }\r\n`
        assert.deepInclude(yield* genuine(spaced, { args: yield* signed(spaced) }), seen2)

        const text = "x".repeat(2_000_000)
        const long = encrypted(event2.replace("ou_1", text))
        const { event } = yield* genuine(long, { args: yield* signed(long) })
        assert.deepStrictEqual((event as typeof seen2.event).payload, { ...payload, open_id: text })
      }))

    it.effect("is so without the app's id and secret, and with its id alone it is the app's", () =>
      Effect.gen(function*() {
        const body = encrypted(ticketEvent)
        const args = yield* signed(body)
        const nameless = yield* verifyHere(body, { args, env: { FEISHU_ENCRYPT_KEY: key } })
        assert.strictEqual(nameless.code, 0)
        assert.match(
          nameless.stdout,
          /^✓ genuine: proven by its signature, signed \d+s ago\nholds {5}an app ticket, a-ti…\n/
        )
        assert.include(nameless.stdout, "\napp       cli_mine\n")
        assert.include(nameless.stdout, "FEISHU_APP_ID is not set, so whose event it is was not checked.")
        const named = yield* verifyHere(body, {
          args: [...args, "--app-id", "cli_mine"],
          env: { FEISHU_ENCRYPT_KEY: key }
        })
        assert.strictEqual(named.code, 0)
        assert.notInclude(named.stdout, "FEISHU_APP_ID")
      }))
  })

  it.effect("knows what is not genuine, and why", () =>
    Effect.gen(function*() {
      const body = encrypted(event2)
      const args = yield* signed(body)
      const at = body.length - 20
      const tampered = body.slice(0, at) + (body[at] === "A" ? "B" : "A") + body.slice(at + 1)
      const otherKey = { ...withKey, FEISHU_ENCRYPT_KEY: "another key" }
      const otherToken = { ...withKey, FEISHU_VERIFICATION_TOKEN: "another token" }
      const otherApp = { ...withKey, FEISHU_APP_ID: "cli_other" }
      const noToken = JSON.stringify({ ...JSON.parse(event1), token: undefined })
      const spacedId = encrypted(event2.replace("cli_mine", "cli mine"))
      const cases: ReadonlyArray<
        [why: string, says: string, body: string | Uint8Array, args: ReadonlyArray<string>, env: Record<string, string>]
      > = [
        ["Signature", "byte for byte", tampered, args, withKey],
        ["Signature", "byte for byte", `${body}\n`, args, withKey],
        ["Signature", "byte for byte", body, args.with(3, "another-nonce"), withKey],
        ["Signature", "FEISHU_ENCRYPT_KEY", body, args, otherKey],
        ["Decryption", "FEISHU_ENCRYPT_KEY", encrypted(challenge), [], otherKey],
        ["Token", "FEISHU_VERIFICATION_TOKEN", body, args, otherToken],
        ["Token", "FEISHU_VERIFICATION_TOKEN", encrypted(challenge), [], otherToken],
        ["Token", "FEISHU_VERIFICATION_TOKEN", event1, [], { FEISHU_VERIFICATION_TOKEN: "another token" }],
        ["Token", "it has no verification token", noToken, [], withToken],
        ["Unsigned", "--timestamp, --nonce and --signature", body, [], withKey],
        ["Unsigned", "it is not encrypted", event2, [], withKey],
        ["Unsigned", "it is not encrypted", event2, args, withKey],
        ["ForeignApp", "it is for cli_mine and not for cli_other", body, args, otherApp],
        ["ForeignApp", "it is for cli mine", spacedId, yield* signed(spacedId), { FEISHU_ENCRYPT_KEY: key }],
        ["Malformed", "the body is empty", "", [], withKey],
        ["Malformed", "not JSON", randomBytes(1000), [], withKey],
        ["Signature", "byte for byte", randomBytes(1000), args, withKey],
        ["Malformed", "missing \"uuid\"", "{\"type\":\"event_callback\"}", [], withToken],
        ["Malformed", "it is not a JSON object", "null", [], withToken],
        ["Malformed", "the ticket's event has no ts", ticketEvent.replace("\"ts\"", "\"at\""), [], withToken]
      ]
      for (const [why, says, body, args, env] of cases) {
        const { message, ...rest } = yield* refusal(body, { args, env })
        assert.deepStrictEqual(rest, { code: 1, why }, message)
        assert.include(message, says)
      }
      const { stderr, stdout } = yield* verifyHere(tampered, { args })
      assert.match(stderr, /✗\S* not genuine: the signature is wrong: /)
      assert.strictEqual(stdout, "")
    }))

  it.effect("tells what it cannot judge from what is not genuine", () =>
    Effect.gen(function*() {
      const body = encrypted(event2)
      const args = yield* signed(body)
      const cases: ReadonlyArray<
        [says: string, body: string, args: ReadonlyArray<string>, env: Record<string, string>]
      > = [
        ["give all three of them", body, args.slice(0, 2), withKey],
        ["give all three of them", body, args.slice(2), withKey],
        ["the delivery is encrypted, and FEISHU_ENCRYPT_KEY is not set", body, args, withToken],
        ["are both not set", event2, [], { FEISHU_APP_ID: "cli_mine" }],
        ["--signature is checked with FEISHU_ENCRYPT_KEY, which is not set", event2, args, withToken]
      ]
      for (const [says, body, args, env] of cases) {
        const { message, ...rest } = yield* refusal(body, { args, env })
        assert.deepStrictEqual(rest, { code: 2, why: "UsageError" })
        assert.include(message, says)
      }
      const fs = yield* FileSystem.FileSystem
      const folder = yield* fs.makeTempDirectoryScoped()
      for (
        const [path, says] of [[folder, "it is a folder"], [`${folder}/nothing`, "there is no such file"]] as const
      ) {
        const { code, stderr } = yield* runHere(["verify", "--body", path], { env: withKey })
        assert.strictEqual(code, 2)
        assert.include(stderr, `--body ${path} cannot be read: `)
        assert.include(stderr, says)
      }
    }).pipe(Effect.scoped))

  describe("as a process", () => {
    it.effect("reads the body from standard input, and says by its exit code what it found", () =>
      Effect.gen(function*() {
        const body = encrypted(ticketEvent)
        const args = ["verify", "--body", "-", ...(yield* signed(body))]
        const [whole, json, cut, nothing] = yield* Effect.all([
          run([...args, "--reveal"], { env: withKey, stdin: body }),
          run([...args, "--json"], { env: withKey, stdin: body }),
          run([...args, "--json"], { env: withKey, stdin: body.slice(1) }),
          run(["verify", "--body", "-"], { env: { FEISHU_APP_ID: "cli_mine" }, stdin: "" })
        ], { concurrency: 2 })
        assert.deepStrictEqual([whole.code, json.code, cut.code, nothing.code], [0, 0, 1, 2])
        assert.include(whole.stdout, `holds     an app ticket, ${ticket}\n`)
        assert.deepInclude(documentIn(json.stdout), seenTicket)
        assert.deepInclude(documentIn(cut.stdout), { ok: false })
        assert.strictEqual(nothing.stdout, "")
        assert.include(nothing.stderr, "are both not set")
        for (const { stderr, stdout } of [json, cut, nothing]) assertNoSecrets(stdout + stderr)
      }))

    it.effect("shows in a terminal what an event holds, which does not steer it", () =>
      Effect.gen(function*() {
        const rude = "\x1b[2J\x1b]0;owned\x07\u009b31m"
        const body = encrypted(JSON.stringify({
          schema: "2.0",
          header: { ...header, event_id: `${rude}id\n✗ not genuine`, event_type: `${rude}type` },
          event: { [`${rude}name`]: `${rude}value` }
        }))
        const args = ["verify", "--body", yield* fileOf(body), ...(yield* signed(body))]
        const { code, stdout } = yield* runInTerminal(args, { env: withKey })
        assert.strictEqual(code, 0)
        const shown = visible(stdout)
        assert.match(
          shown,
          /^␛\[32m✓␛\[0m genuine: proven by its signature and its verification token, signed \d+s ago\r\n/
        )
        assert.match(shown, /\r\n␛\[1mid {7}␛\[0m .*id ✗ not genuine\r\n/)
        const codes = new Set(shown.match(/[␛␦](\[\d*\w)?/g))
        assert.deepStrictEqual([...codes].toSorted(), ["␛[0m", "␛[1m", "␛[32m"])
        assertNoSecrets(stdout)
      }).pipe(Effect.scoped))
  })
})
