import { EventCrypto as Platform } from "@effect-feishu/emulator"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, FastCheck, Inspectable, Redacted } from "effect"
import * as Crypto from "node:crypto"
import { inspect } from "node:util"
import * as EventCrypto from "../src/EventCrypto.js"
import { constantTimeEquals } from "../src/internal/webhook/constantTimeEquals.js"
import * as Web from "../src/internal/webhook/eventCrypto.js"

const encoder = new TextEncoder()

/** The same on WebCrypto, which Node does not use. */
const makeWeb: typeof EventCrypto.make = (encryptKey) =>
  Effect.sync(() => {
    const crypto = Web.makeWeb(encryptKey)
    return {
      isGenuine: (signed) => Effect.promise(async () => crypto.isGenuine(signed)),
      decrypt: (encrypted) =>
        Effect.flatMap(
          Effect.promise(async () => {
            const bytes = Web.decode(encrypted)
            return bytes && crypto.decrypt(bytes)
          }),
          (text) => text === undefined ? new EventCrypto.DecryptionError() : Effect.succeed(text)
        )
    }
  })

const implementations = { make: EventCrypto.make, makeWeb }

const text = FastCheck.oneof(FastCheck.string(), FastCheck.string({ unit: "binary" }))
const key = FastCheck.oneof(FastCheck.string(), FastCheck.string({ unit: "grapheme" }))
const iv = FastCheck.uint8Array({ minLength: 16, maxLength: 16 })

/** Encrypts whatever bytes, padding and all. */
const encryptBytes = (encryptKey: string, iv: Uint8Array, bytes: Uint8Array) => {
  const aesKey = Crypto.createHash("sha256").update(encryptKey).digest()
  const cipher = Crypto.createCipheriv("aes-256-cbc", aesKey, iv).setAutoPadding(false)
  return Buffer.concat([iv, cipher.update(bytes), cipher.final()]).toString("base64")
}

/** Another character in the place of one. */
const changed = (text: string, position: number) => {
  const characters = [...text]
  const at = position % characters.length
  return characters.map((character, n) => n !== at ? character : character === "x" ? "y" : "x").join("")
}

/** A text, or that there was a `DecryptionError`; anything else fails the test. */
const opened = (crypto: EventCrypto.EventCrypto, encrypted: string) =>
  Effect.map(Effect.exit(crypto.decrypt(encrypted)), (exit) => {
    if (Exit.isSuccess(exit)) return { text: exit.value }
    if (exit.cause._tag !== "Fail") return assert.fail(`not a failure: ${Cause.pretty(exit.cause)}`)
    assert.instanceOf(exit.cause.error, EventCrypto.DecryptionError)
    return "DecryptionError" as const
  })

const iv0 = new Uint8Array(16)
const fixedKey = "the encrypt key"

for (const [name, make] of Object.entries(implementations)) {
  describe(`EventCrypto.${name}`, () => {
    it.live("opens the documentation's example", () =>
      Effect.gen(function*() {
        const crypto = yield* make(Redacted.make("test key"))
        assert.strictEqual(
          yield* crypto.decrypt("P37w+VZImNgPEO1RBhJ6RtKl7n6zymIbEG1pReEzghk="),
          "hello world"
        )
      }))

    it.live.prop(
      "opens whatever text the platform encrypts",
      [key, iv, text],
      ([encryptKey, iv, text]) =>
        Effect.gen(function*() {
          const crypto = yield* make(Redacted.make(encryptKey))
          assert.strictEqual(yield* crypto.decrypt(Platform.encrypt({ encryptKey, iv, text })), text)
        }),
      { fastCheck: { examples: [["", iv0, ""], ["k", iv0, "x".repeat(16)]] } }
    )

    it.live("keeps a byte order mark", () =>
      Effect.gen(function*() {
        const crypto = yield* make(Redacted.make(fixedKey))
        const encrypted = Platform.encrypt({ encryptKey: fixedKey, iv: iv0, text: "\ufeffa" })
        assert.strictEqual(yield* crypto.decrypt(encrypted), "\ufeffa")
      }))

    it.live("opens a text of any length", () =>
      Effect.gen(function*() {
        const crypto = yield* make(Redacted.make(fixedKey))
        for (const length of [...Array(50).keys(), 100_000]) {
          const text = "票".repeat(length)
          const encrypted = Platform.encrypt({ encryptKey: fixedKey, iv: iv0, text })
          assert.isTrue((yield* crypto.decrypt(encrypted)) === text)
        }
      }))

    it.live.prop(
      "what the platform signed is genuine, and nothing else",
      [
        FastCheck.record({ encryptKey: key, timestamp: text, nonce: text, body: text }),
        FastCheck.nat(),
        FastCheck.integer({ min: 1, max: 255 })
      ],
      ([signed, position, bits]) =>
        Effect.gen(function*() {
          const { encryptKey, nonce, timestamp } = signed
          const crypto = yield* make(Redacted.make(encryptKey))
          const signature = Platform.sign(signed)
          const body = encoder.encode(signed.body)
          assert.isTrue(yield* crypto.isGenuine({ timestamp, nonce, signature, body }))

          const forged: Array<Web.Signed> = [
            { timestamp, nonce, body, signature: changed(signature, position) },
            { timestamp, nonce, body, signature: signature.slice(0, -1) },
            { timestamp, nonce, body, signature: `${signature}0` },
            { timestamp, nonce, body, signature: "" },
            { timestamp: `${timestamp}x`, nonce, signature, body },
            { timestamp, nonce: `x${nonce}`, signature, body },
            { timestamp, nonce, signature, body: encoder.encode(`${signed.body}x`) }
          ]
          if (/[a-f]/.test(signature)) forged.push({ timestamp, nonce, body, signature: signature.toUpperCase() })
          if (timestamp !== "") forged.push({ timestamp: changed(timestamp, position), nonce, signature, body })
          if (nonce !== "") forged.push({ timestamp, nonce: changed(nonce, position), signature, body })
          if (body.length > 0) {
            const at = position % body.length
            const other = body.map((byte, n) => n === at ? byte ^ bits : byte)
            forged.push({ timestamp, nonce, signature, body: other })
            forged.push({ timestamp, nonce, signature, body: body.filter((_, n) => n !== at) })
          }
          for (const forgery of forged) assert.isFalse(yield* crypto.isGenuine(forgery), JSON.stringify(forgery))

          const otherKey = encryptKey === "" ? "x" : changed(encryptKey, position)
          const other = yield* make(Redacted.make(otherKey))
          assert.isFalse(yield* other.isGenuine({ timestamp, nonce, signature, body }))
        })
    )

    it.live.prop(
      "the signature is over the bytes, even if they are no text",
      [FastCheck.uint8Array({ maxLength: 100 })],
      ([body]) =>
        Effect.gen(function*() {
          const crypto = yield* make(Redacted.make(fixedKey))
          const signature = Crypto.createHash("sha256").update(`12${fixedKey}`).update(body).digest("hex")
          assert.isTrue(yield* crypto.isGenuine({ timestamp: "1", nonce: "2", signature, body }))
          // A part of a larger piece of memory, as Node's bodies are.
          const around = new Uint8Array([7, ...body, 7])
          const part = around.subarray(1, -1)
          assert.isTrue(yield* crypto.isGenuine({ timestamp: "1", nonce: "2", signature, body: part }))
        })
    )

    it.live("no byte of the padding may be wrong", () =>
      Effect.gen(function*() {
        const crypto = yield* make(Redacted.make(fixedKey))
        for (let pad = 1; pad <= 16; pad++) {
          const block = new Uint8Array(32).fill(0x61)
          block.fill(pad, 32 - pad)
          const whole = yield* opened(crypto, encryptBytes(fixedKey, iv0, block))
          assert.deepStrictEqual(whole, { text: "a".repeat(32 - pad) })
          for (let at = 32 - pad; at < 32; at++) {
            // The last byte must not become another right length.
            const wrong = block.map((byte, n) => n === at ? byte ^ 0x80 : byte)
            assert.strictEqual(yield* opened(crypto, encryptBytes(fixedKey, iv0, wrong)), "DecryptionError")
          }
        }
        for (const last of [0, ...Array.from({ length: 239 }, (_, n) => n + 17)]) {
          for (const fill of [last, 0, 0x61]) {
            const block = new Uint8Array(32).fill(fill)
            block[31] = last
            assert.strictEqual(yield* opened(crypto, encryptBytes(fixedKey, iv0, block)), "DecryptionError")
          }
        }
      }))

    it.live("no part of the whole opens", () =>
      Effect.gen(function*() {
        const crypto = yield* make(Redacted.make(fixedKey))
        const whole = Platform.encrypt({ encryptKey: fixedKey, iv: iv0, text: JSON.stringify({ a: "b".repeat(60) }) })
        const bytes = Buffer.from(whole, "base64")
        assert.notStrictEqual(yield* opened(crypto, whole), "DecryptionError")
        for (let length = 0; length < bytes.length; length++) {
          for (const part of [bytes.subarray(0, length), bytes.subarray(bytes.length - length)]) {
            // From a block on it is whole again, with that block for an IV.
            if (part.length >= 32 && part.length % 16 === 0 && part.at(-1) === bytes.at(-1)) continue
            assert.strictEqual(yield* opened(crypto, part.toString("base64")), "DecryptionError", `${length} bytes`)
          }
        }
      }))

    it.live.each<[string, string]>([
      ["nothing", ""],
      ["white space", "  "],
      ["what is not base64", "not base64!"],
      ["an IV alone", Buffer.alloc(16).toString("base64")],
      ["half a block", Buffer.alloc(40).toString("base64")],
      [
        "base64 of URLs",
        Platform.encrypt({ encryptKey: fixedKey, iv: new Uint8Array(16).fill(255), text: "a" })
          .replaceAll("/", "_")
          .replaceAll("+", "-")
      ],
      ["a strange character", `\u0000${Platform.encrypt({ encryptKey: fixedKey, iv: iv0, text: "a" }).slice(1)}`],
      ["a character beyond bytes", `票${Platform.encrypt({ encryptKey: fixedKey, iv: iv0, text: "a" }).slice(1)}`],
      ["= in the middle", Platform.encrypt({ encryptKey: fixedKey, iv: iv0, text: "a" }).replace("AAAA", "AA==")],
      ["text under another key", Platform.encrypt({ encryptKey: "another", iv: iv0, text: "a" })],
      ["text under a key in capitals", Platform.encrypt({ encryptKey: "THE ENCRYPT KEY", iv: iv0, text: "a" })]
    ])("cannot open %s", ([_, encrypted]) =>
      Effect.gen(function*() {
        const crypto = yield* make(Redacted.make(fixedKey))
        assert.strictEqual(yield* opened(crypto, encrypted), "DecryptionError")
      }))

    it.live.each([[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0x80], [0x61, 0x80]])(
      "cannot open what is not UTF-8: %j",
      (bytes) =>
        Effect.gen(function*() {
          const crypto = yield* make(Redacted.make(fixedKey))
          const padded = new Uint8Array(16).fill(16 - bytes.length)
          padded.set(bytes)
          assert.strictEqual(yield* opened(crypto, encryptBytes(fixedKey, iv0, padded)), "DecryptionError")
          // What was cut off is not left over for the next one.
          const next = Platform.encrypt({ encryptKey: fixedKey, iv: iv0, text: "next" })
          assert.deepStrictEqual(yield* opened(crypto, next), { text: "next" })
        })
    )

    it.live("its error says what to do, and nothing of the key, the text or the ciphertext", () =>
      Effect.gen(function*() {
        const crypto = yield* make(Redacted.make(fixedKey))
        const padded = new Uint8Array(16).fill(1)
        padded.set(encoder.encode("a secret text"))
        padded[14] = 0xff
        for (const encrypted of [encryptBytes(fixedKey, iv0, padded), "not base64!"]) {
          const exit = yield* Effect.exit(crypto.decrypt(encrypted))
          if (Exit.isSuccess(exit) || exit.cause._tag !== "Fail") return assert.fail(`not a failure: ${exit}`)
          assert.include(exit.cause.error.message, "Encrypt Key")
          const everything = [
            String(exit.cause.error),
            exit.cause.error.stack,
            JSON.stringify(exit),
            inspect(exit, { depth: 20, showHidden: true, getters: true }),
            Inspectable.toStringUnknown(exit),
            Cause.pretty(exit.cause, { renderErrorCause: true })
          ].join("\n")
          for (const secret of [fixedKey, "a secret text", encrypted]) assert.notInclude(everything, secret)
        }
      }))
  })
}

describe("EventCrypto, both", () => {
  const both = (encryptKey: string) =>
    Effect.all([EventCrypto.make(Redacted.make(encryptKey)), makeWeb(Redacted.make(encryptKey))])

  const agree = (encryptKey: string, encrypted: string) =>
    Effect.gen(function*() {
      const [node, web] = yield* both(encryptKey)
      const answer = yield* opened(node, encrypted)
      assert.deepStrictEqual(yield* opened(web, encrypted), answer, JSON.stringify(encrypted))
      return answer
    })

  it.live.prop("agree on any blocks", [key, FastCheck.nat(5), iv, FastCheck.infiniteStream(FastCheck.nat(255))], (
    [key, blocks, iv, stream]
  ) =>
    Effect.gen(function*() {
      const bytes = Uint8Array.from({ length: 16 * blocks }, () => stream.next().value)
      yield* agree(key, Buffer.concat([iv, bytes]).toString("base64"))
      yield* agree(key, encryptBytes(key, iv, bytes))
    }))

  it.live.prop(
    "agree on any text",
    [FastCheck.oneof(text, FastCheck.base64String())],
    ([text]) => Effect.asVoid(agree(fixedKey, text))
  )

  it.live.prop(
    "agree that another key does not open it",
    [key, key, iv, text],
    ([a, b, iv, text]) =>
      Effect.gen(function*() {
        const answer = yield* agree(b, Platform.encrypt({ encryptKey: a, iv, text }))
        if (a !== b) assert.notDeepEqual(answer, { text })
      })
  )

  it.live.prop(
    "agree on base64 with something more or less in it",
    [
      text,
      FastCheck.nat(),
      FastCheck.nat(2),
      FastCheck.constantFrom("", "=", "==", "A", " ", "\n", "\t", "-", "_", "/")
    ],
    ([text, position, length, other]) =>
      Effect.gen(function*() {
        const whole = Platform.encrypt({ encryptKey: fixedKey, iv: iv0, text })
        const at = position % (whole.length + 1)
        yield* agree(fixedKey, whole.slice(0, at) + other + whole.slice(at + length))
        yield* agree(fixedKey, whole + other)
        yield* agree(fixedKey, whole.replace(/=*$/, other))
      })
  )

  it("make does without node:crypto where there is none, and with it answers at once", async () => {
    const encrypted = Platform.encrypt({ encryptKey: fixedKey, iv: iv0, text: "a" })
    const make = EventCrypto.make(Redacted.make(fixedKey))
    const original = Object.getOwnPropertyDescriptor(process, "getBuiltinModule")
    Object.defineProperty(process, "getBuiltinModule", { value: undefined, configurable: true, writable: true })
    const web = await Effect.runPromise(make).finally(() =>
      original && Object.defineProperty(process, "getBuiltinModule", original)
    )
    assert.isTrue(Exit.isFailure(Effect.runSyncExit(web.decrypt(encrypted))), "this is node:crypto")
    assert.strictEqual(await Effect.runPromise(web.decrypt(encrypted)), "a")
    assert.strictEqual(Effect.runSync(Effect.runSync(make).decrypt(encrypted)), "a")
  })
})

describe("constantTimeEquals", () => {
  it.prop(
    "says what === says",
    [FastCheck.string({ unit: "binary" }), FastCheck.string({ unit: "binary" }), FastCheck.nat()],
    ([a, b, position]) => {
      for (const other of [a, b, "", `${a}x`, a.slice(0, -1), a === "" ? a : changed(a, position), a.toUpperCase()]) {
        assert.strictEqual(constantTimeEquals(a, other), a === other)
        assert.strictEqual(constantTimeEquals(other, a), a === other)
      }
    }
  )

  it("looks at all of each character", () => {
    for (const [a, b] of [["\u0100", "\u0200"], ["\u0061", "\u0161"], ["\ud83c", "\ud83d"], ["ab", "ba"], ["\0", ""]]) {
      assert.isFalse(constantTimeEquals(a ?? "", b ?? ""))
    }
  })
})
