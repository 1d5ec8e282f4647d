/** Proves deliveries by bytes and headers alone, on `node:crypto` and on WebCrypto. */
import { EventCrypto as Platform } from "@effect-feishu/emulator"
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Either, Option, Redacted } from "effect"
import type { EventRefused } from "../src/EventRefused.js"
import * as Crypto from "../src/internal/webhook/eventCrypto.js"
import * as Proof from "../src/internal/webhook/proof.js"
import * as Deliveries from "./deliveries.js"

const now = Date.UTC(2024, 0, 1)
const maxAge = 60_000
const maxFuture = 10_000

const optionsOf = (crypto: Crypto.Crypto | undefined) => ({
  appId: "cli_test",
  crypto,
  verificationToken: Option.some(Redacted.make(Deliveries.verificationToken)),
  maxAge,
  maxFuture
})

const key = Redacted.make(Deliveries.encryptKey)

/** Proves deliveries to an app without an Encrypt Key. */
const plain = Proof.make(optionsOf(undefined))

const bytes = (text: string) => new TextEncoder().encode(text)

/** Replaces `character` by a byte that UTF-8 does not have. */
const withWrongByte = (text: string, character: string) =>
  bytes(text).map((byte) => byte === character.charCodeAt(0) ? 0xff : byte)

const withSignature = (delivery: Proof.Delivery, signature: string | undefined): Proof.Delivery => ({
  ...delivery,
  headers: { ...delivery.headers, "x-lark-signature": signature }
})

/** Signs with the given text as the time. */
const signedWith = (timestamp: string, text: string): Proof.Delivery => {
  const nonce = "a nonce"
  const body = Deliveries.encryptedText(text)
  return {
    headers: {
      "x-lark-request-timestamp": timestamp,
      "x-lark-request-nonce": nonce,
      "x-lark-signature": Platform.sign({ timestamp, nonce, encryptKey: Deliveries.encryptKey, body })
    },
    body: bytes(body)
  }
}

const sha1 = "0".repeat(40)
const sha256 = "0".repeat(64)

const event = JSON.stringify(Deliveries.event2())
const noApp = (json: ReturnType<typeof Deliveries.ticketEvent> | ReturnType<typeof Deliveries.event1>) => ({
  ...json,
  event: { ...json.event, app_id: undefined }
})

/** The callback of cards before 2024, without a signature. `length`: of the value of its button. */
const oldCard = (length = 1) => ({
  open_message_id: "om_1",
  token: Deliveries.verificationToken,
  action: { tag: "button", value: { text: "x".repeat(length) } }
})

/** Adds white space, which JSON may have, up to `length` bytes. */
const padded = (body: string, length: number) => body.padEnd(length, " ")

type Flaw = readonly [flaw: string, delivery: Proof.Delivery, reason: EventRefused["reason"], says: RegExp]

const encryptedFlaws: ReadonlyArray<Flaw> = [
  ["no JSON", Deliveries.signed("{", { at: now }), "Malformed", /not JSON in UTF-8/],
  ["JSON that is null", Deliveries.signed("null", { at: now }), "Unsigned", /not encrypted/],
  [
    "a byte that is not UTF-8",
    { headers: {}, body: withWrongByte("{\"encrypt\":\"~\"}", "~") },
    "Malformed",
    /not JSON in UTF-8/
  ],
  [
    "no JSON behind the encryption",
    Deliveries.signed(Deliveries.encryptedText("{"), { at: now }),
    "Malformed",
    /not JSON in UTF-8/
  ],
  [
    "neither an event nor a handshake behind the encryption",
    Deliveries.genuine({ ...Deliveries.event1(), uuid: undefined }, now),
    "Malformed",
    /neither an event nor a handshake: missing "uuid"/
  ],
  [
    "another app's encryption",
    Deliveries.signed(Deliveries.encryptedText(event, "another key"), { at: now }),
    "Decryption",
    /cannot be decrypted: check that encryptKey is the developer console's "Encrypt Key"/
  ],
  [
    "another app's encryption and no signature",
    Deliveries.unsigned(Deliveries.event2(), "another key"),
    "Decryption",
    /cannot be decrypted/
  ],
  [
    "no base64 and no signature",
    { headers: {}, body: bytes(JSON.stringify({ encrypt: "not base64!" })) },
    "Decryption",
    /cannot be decrypted/
  ],
  [
    "another app's encryption and a wrong signature",
    Deliveries.signed(Deliveries.encryptedText("{}", "another key"), { at: now, key: "another key" }),
    "Signature",
    /signature is wrong: check encryptKey/
  ],
  [
    "another app's encryption and an old signature",
    Deliveries.signed(Deliveries.encryptedText("{}", "another key"), { at: now - 3_600_000 }),
    "Stale",
    /1h ago/
  ],
  [
    "no encryption",
    Deliveries.plain(Deliveries.event2()),
    "Unsigned",
    /not encrypted: check that the app has this Encrypt Key/
  ],
  ["no signature", Deliveries.unsigned(Deliveries.event2()), "Unsigned", /signature's headers are missing/],
  ...["timestamp", "nonce", "signature"].flatMap((part): ReadonlyArray<Flaw> => {
    const name = part === "signature" ? "x-lark-signature" : `x-lark-request-${part}`
    const { body, headers } = Deliveries.genuine(Deliveries.event2(), now)
    return [
      [`no header ${name}`, { body, headers: { ...headers, [name]: undefined } }, "Unsigned", /headers are missing/],
      [`two headers ${name}`, { body, headers: { ...headers, [name]: ["1", "2"] } }, "Unsigned", /headers are missing/]
    ]
  }),
  [
    "no signature and another app id",
    Deliveries.unsigned(Deliveries.event2({ appId: "cli_other" })),
    "Unsigned",
    /signature's headers are missing/
  ],
  [
    "no signature and nothing that can be read behind the encryption",
    Deliveries.unsigned({}),
    "Unsigned",
    /signature's headers are missing/
  ],
  [
    "no signature and a wrong verification token",
    Deliveries.unsigned(Deliveries.event2({ token: "guessed" })),
    "Token",
    /verification token is not the app's/
  ],
  [
    "a wrong signature",
    withSignature(Deliveries.genuine(Deliveries.event2(), now), sha256),
    "Signature",
    /signature is wrong: check encryptKey, if this was the platform/
  ],
  [
    "a wrong signature and a wrong verification token",
    withSignature(Deliveries.genuine(Deliveries.challenge({ token: "guessed" }), now), sha256),
    "Signature",
    /signature is wrong/
  ],
  [
    "a wrong signature that is old, too",
    withSignature(Deliveries.genuine(Deliveries.challenge({ token: "guessed" }), 0), sha256),
    "Signature",
    /signature is wrong/
  ],
  [
    "a wrong verification token",
    Deliveries.genuine(Deliveries.event2({ token: "guessed" }), now),
    "Token",
    /verification token is not the app's: check verificationToken, if this was the platform/
  ],
  [
    "no verification token",
    Deliveries.genuine({ ...Deliveries.event1(), token: undefined }, now),
    "Token",
    /has no verification token/
  ],
  [
    "another app id",
    Deliveries.genuine(Deliveries.event2({ appId: "cli\nother" }), now),
    "ForeignApp",
    /it is for cli other and not for cli_test/
  ],
  [
    "a ticket without an app id",
    Deliveries.genuine(noApp(Deliveries.ticketEvent({})), now),
    "ForeignApp",
    /it is for no app and not for cli_test/
  ],
  ...["", "soon", "12s", "s12", "1e3", "-5", " 5"].map((timestamp): Flaw => [
    `the time "${timestamp}"`,
    signedWith(timestamp, event),
    "Stale",
    /timestamp is not a number, so nobody knows how old the delivery is/
  ]),
  [
    "an old signature",
    Deliveries.genuine(Deliveries.event2(), now - 7_200_000),
    "Stale",
    /the signature is from 2h ago: somebody sends old deliveries again, or this machine's clock is wrong/
  ],
  [
    "a signature from the future",
    Deliveries.genuine(Deliveries.event2(), now + 7_200_000),
    "Stale",
    /the signature is from 2h in the future: .*this machine's clock is wrong/
  ],
  ...[now - maxAge, now + maxFuture].map((at): Flaw => [
    `the time in milliseconds, ${at}`,
    signedWith(String(at), event),
    "Stale",
    /timestamp is in milliseconds, and the platform sends seconds: something between .*, or a test, has made it/
  ]),
  ...[now - maxAge - 1, now + maxFuture + 1].map((at): Flaw => [
    `the time in milliseconds, ${at}, which is wrong in milliseconds, too`,
    signedWith(String(at), event),
    "Stale",
    /^the signature is from .* in the future/
  ]),
  ["an old card's shape", Deliveries.plain(oldCard()), "Unsigned", /subscribe to card\.action\.trigger in/],
  [
    "an old card's shape behind the encryption",
    Deliveries.unsigned(oldCard()),
    "Unsigned",
    /subscribe to card\.action\.trigger in/
  ],
  [
    "an old card's shape and signature",
    withSignature(Deliveries.genuine(oldCard(), now), sha1),
    "Signature",
    /subscribe to card\.action\.trigger in/
  ],
  [
    "an old card's shape and signature, and 11,000 characters for a value",
    withSignature(Deliveries.genuine(oldCard(11_000), now), sha1),
    "Signature",
    /subscribe to card\.action\.trigger in/
  ]
]

const plainFlaws: ReadonlyArray<Flaw> = [
  ["no JSON", { headers: {}, body: bytes("{") }, "Malformed", /not JSON in UTF-8/],
  ["a byte that is not UTF-8", { headers: {}, body: withWrongByte(event, "_") }, "Malformed", /not JSON in UTF-8/],
  ["JSON that is null", { headers: {}, body: bytes("null") }, "Malformed", /it is not a JSON object/],
  [
    "an encryption",
    Deliveries.unsigned(Deliveries.event2()),
    "Decryption",
    /it is encrypted: give FeishuApp the .*"Encrypt Key"/
  ],
  [
    "a wrong verification token",
    Deliveries.plain(Deliveries.event2({ token: "guessed" })),
    "Token",
    /check verificationToken/
  ],
  ["another app id", Deliveries.plain(Deliveries.event2({ appId: "cli_other" })), "ForeignApp", /it is for cli_other/],
  ["an old card's shape", Deliveries.plain(oldCard()), "Malformed", /subscribe to card\.action\.trigger in/]
]

const resultOf = (proof: Proof.Proof, delivery: Proof.Delivery, at = now) =>
  Effect.promise(async () => proof(delivery, at))

const refusalOf = (proof: Proof.Proof, delivery: Proof.Delivery, at?: number) =>
  Effect.map(
    resultOf(proof, delivery, at),
    (result) => Either.isLeft(result) ? result.left : assert.fail("it is proven")
  )

const provenOf = (proof: Proof.Proof, delivery: Proof.Delivery, at?: number) =>
  Effect.map(
    resultOf(proof, delivery, at),
    (result) => Either.isRight(result) ? result.right : assert.fail(result.left.message)
  )

const eventOf = (proof: Proof.Proof, delivery: Proof.Delivery, at?: number) =>
  Effect.map(
    provenOf(proof, delivery, at),
    (proven) => proven._tag === "Event" ? proven : assert.fail("it is a handshake")
  )

const refuses = (proof: Proof.Proof, [_, delivery, reason, says]: Flaw) =>
  Effect.map(refusalOf(proof, delivery), (refusal) => {
    assert.strictEqual(refusal.reason, reason)
    assert.match(refusal.description, says)
  })

describe("A delivery to an app without an Encrypt Key", () => {
  for (const flaw of plainFlaws) {
    it.effect(`that has ${flaw[0]} is refused, and the refusal says so`, () => refuses(plain, flaw))
  }

  it.effect("has no age, even if somebody adds the headers of a signature", () =>
    Effect.gen(function*() {
      const { headers } = Deliveries.genuine({}, now - 3_600_000)
      const proven = yield* eventOf(plain, { ...Deliveries.plain(Deliveries.event2()), headers })
      assert.isUndefined(proven.age)
    }))
})

for (const [name, make] of [["node:crypto", Crypto.make], ["WebCrypto", Crypto.makeWeb]] as const) {
  describe(`A delivery to an app with an Encrypt Key, on ${name}`, () => {
    const proof = Proof.make(optionsOf(make(key)))

    for (const flaw of encryptedFlaws) {
      it.effect(`that has ${flaw[0]} is refused, and the refusal says so`, () => refuses(proof, flaw))
    }

    it.effect("is proven from the future's bound to the age's bound, and not a millisecond beyond", () =>
      Effect.gen(function*() {
        const delivery = Deliveries.genuine(Deliveries.event2(), now)
        for (const age of [-maxFuture, 0, maxAge]) {
          assert.strictEqual((yield* eventOf(proof, delivery, now + age)).age, age)
        }
        for (const age of [-maxFuture - 1, maxAge + 1]) {
          assert.strictEqual((yield* refusalOf(proof, delivery, now + age)).reason, "Stale")
        }
      }))

    it.effect("is proven whatever its length if the signature is right", () =>
      Effect.gen(function*() {
        const long = Deliveries.genuine(Deliveries.event2({ payload: { text: "x".repeat(20_000) } }), now)
        assert.strictEqual((yield* eventOf(proof, long)).event.payload["text"], "x".repeat(20_000))
      }))

    it.effect("is proven without an app id, unless it is a ticket", () =>
      Effect.gen(function*() {
        const { event } = yield* eventOf(proof, Deliveries.genuine(noApp(Deliveries.event1()), now))
        assert.strictEqual(event.appId, "cli_test")
      }))

    it.effect("has the time of arrival if the platform gave no time", () =>
      Effect.gen(function*() {
        const dated = yield* eventOf(proof, Deliveries.genuine(Deliveries.event2(), now))
        const undated = yield* eventOf(proof, Deliveries.genuine({ ...Deliveries.event1(), ts: undefined }, now))
        assert.deepStrictEqual([dated.isDated, undated.isDated], [true, false])
        assert.strictEqual(DateTime.toEpochMillis(dated.event.createdAt), 1608725989000)
        assert.strictEqual(DateTime.toEpochMillis(undated.event.createdAt), now)
      }))

    it.effect("needs no verification token if the app has none", () => {
      const proof = Proof.make({ ...optionsOf(make(key)), verificationToken: Option.none() })
      return eventOf(proof, Deliveries.genuine({ ...Deliveries.event1(), token: undefined }, now))
    })

    it.effect(
      "is answered if it is a handshake of 16,000 bytes without a signature, or of 512 bytes with a wrong one",
      () =>
        Effect.gen(function*() {
          const handshake = (length: number) =>
            Deliveries.signed(padded(Deliveries.encrypted(Deliveries.challenge()), length), { at: now })
          for (
            const [length, signature, reason] of [
              [16_000, undefined, "Unsigned"],
              [16_000, sha1, "Signature"],
              [512, sha256, "Signature"]
            ] as const
          ) {
            assert.deepStrictEqual(yield* provenOf(proof, withSignature(handshake(length), signature)), {
              _tag: "Challenge",
              challenge: "a challenge"
            })
            const refusal = yield* refusalOf(proof, withSignature(handshake(length + 1), signature))
            assert.strictEqual(refusal.reason, reason)
          }
        })
    )

    it.effect("is answered if it is a handshake with an old signature", () =>
      Effect.gen(function*() {
        const proven = yield* provenOf(proof, Deliveries.genuine(Deliveries.challenge(), now - 3_600_000))
        assert.strictEqual(proven._tag, "Challenge")
      }))

    it.effect("is judged by each app on its own if several apps look at it", () =>
      Effect.gen(function*() {
        const other = Proof.make({ ...optionsOf(make(key)), appId: "cli_other" })
        const delivery = Proof.shared(Deliveries.genuine(Deliveries.event2(), now))
        for (let i = 0; i < 2; i++) {
          assert.strictEqual((yield* refusalOf(other, delivery)).reason, "ForeignApp")
          assert.strictEqual((yield* eventOf(proof, delivery)).event.appId, "cli_test")
        }
      }))
  })
}

describe("A proof", () => {
  /** Counts what the crypto does, at once or with promises. */
  const counted = (isAsync: boolean) => {
    const calls: Array<string> = []
    const give = <A>(name: string, value: A): A | Promise<A> => {
      calls.push(name)
      return isAsync ? Promise.resolve(value) : value
    }
    const prove = Proof.make({
      appId: "cli_test",
      crypto: {
        isGenuine: () => give("isGenuine", true),
        decrypt: () => give("decrypt", JSON.stringify(Deliveries.event2()))
      },
      verificationToken: Option.none(),
      maxAge: 1000,
      maxFuture: 1000
    })
    return { calls, prove }
  }

  it.effect("hashes only for a signature as long as SHA-256", () =>
    Effect.sync(() => {
      const { calls, prove } = counted(false)
      const { body, headers } = Deliveries.genuine(Deliveries.event2())
      for (const signature of ["", "0", "0".repeat(40), "0".repeat(65)]) {
        prove({ body, headers: { ...headers, "x-lark-signature": signature } }, 0)
      }
      assert.notInclude(calls, "isGenuine")
      prove({ body, headers }, 0)
      assert.include(calls, "isGenuine")
    }))

  it.effect.each([false, true])(
    "of a delivery that is proven twice is made once: with promises %s",
    (isAsync) =>
      Effect.promise(async () => {
        const { calls, prove } = counted(isAsync)
        const delivery = Proof.shared(Deliveries.genuine(Deliveries.event2()))
        const first = prove(delivery, 0)
        assert.deepStrictEqual(await prove(delivery, 0), await first)
        assert.deepStrictEqual(calls, ["isGenuine", "decrypt"])
      })
  )
})
