/**
 * Proves that a delivery is the platform's and meant for this app. Takes headers and bytes, and returns the message or the
 * refusal. Uses no Effect, because each delivery waits for each step.
 */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type { EventRefused } from "../../EventRefused.js"
import type { FeishuEvent } from "../../FeishuEvent.js"
import { isObject } from "../isObject.js"
import { oneLine } from "../oneLine.js"
import { constantTimeEquals } from "./constantTimeEquals.js"
import { type Crypto, decode, type Signed } from "./eventCrypto.js"
import * as Message from "./message.js"
import { refused } from "./refused.js"

/** Documented in `EventSubscription`. */
export interface Delivery {
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  readonly body: Uint8Array
}

/** An event that is proven. */
export interface Event {
  readonly _tag: "Event"
  readonly event: FeishuEvent
  /** `false` if `createdAt` is the time of arrival, because the platform gave no time. */
  readonly isDated: boolean
  /** The age of the signature, in milliseconds. `undefined` if there is no signature. */
  readonly age: number | undefined
}

/** A message that is proven. */
export type Proven = Event | { readonly _tag: "Challenge"; readonly challenge: string }

export type Result = Either.Either<Proven, EventRefused>

/** Returns a promise only if the crypto of the runtime does so. */
export type Proof = (delivery: Delivery, now: number) => Result | Promise<Result>

interface Encrypted {
  /** `undefined` if the field is not what the platform sends. */
  readonly bytes: Uint8Array<ArrayBuffer> | undefined
}

/** The fields of a delivery before anything is proven. */
interface Envelope {
  readonly text: string
  readonly json: unknown
  /** `undefined` if the body has no field `encrypt`. */
  readonly encrypted: Encrypted | undefined
}

// Made once: an error takes longer to make than a signature to check, and a delivery may be for one of a thousand apps.
const malformed = refused("Malformed", "the body is not JSON in UTF-8")
const decryption = refused(
  "Decryption",
  "The event cannot be decrypted: check that encryptKey is the developer console's \"Encrypt Key\""
)
const keyMissing = refused("Decryption", "it is encrypted: give FeishuApp the developer console's \"Encrypt Key\"")
const notEncrypted = refused("Unsigned", "it is not encrypted: check that the app has this Encrypt Key")
const unsigned = refused("Unsigned", "the signature's headers are missing")
const wrongSignature = refused("Signature", "the signature is wrong: check encryptKey, if this was the platform")
/** The old callback is signed in another way, so that no signature of it is right here. */
const oldCard = ({ reason }: EventRefused) => refused(reason, Message.oldCardAction)
const noToken = refused("Token", "it has no verification token")
const wrongToken = refused(
  "Token",
  "its verification token is not the app's: check verificationToken, if this was the platform"
)
const noTimestamp = refused(
  "Stale",
  "the signature's timestamp is not a number, so nobody knows how old the delivery is"
)

const utf8 = new TextDecoder("utf-8", { fatal: true })

const parse = (text: string): Either.Either<unknown, EventRefused> => {
  try {
    return Either.right(JSON.parse(text))
  } catch {
    return Either.left(malformed)
  }
}

const signatureOf = ({ body, headers }: Delivery): Signed | undefined => {
  const timestamp = headers["x-lark-request-timestamp"]
  const nonce = headers["x-lark-request-nonce"]
  const signature = headers["x-lark-signature"]
  return typeof timestamp === "string" && typeof nonce === "string" && typeof signature === "string"
    ? { timestamp, nonce, signature, body }
    : undefined
}

/** Returns the age of a signature, in milliseconds. The platform gives the time in seconds. */
const ageOf = (timestamp: string, now: number): number => now - Number(timestamp) * 1000

/** The length of SHA-256 in hexadecimal digits. The old callbacks of cards have SHA-1. */
const lengthOfSignature = 64

/**
 * The longest body of a handshake with a wrong signature, in bytes. A longer body is refused by its signature alone, because
 * nothing else of a forged delivery is worth its time. The platform's handshakes have about 220 bytes.
 */
const longestMissigned = 512

/**
 * The longest body without a signature of SHA-256, in bytes. A longer body is refused by its headers alone. Longer than the old
 * callbacks of cards, whose refusal names them.
 */
const longestUnsigned = 16_000

const envelopeOf = (body: Uint8Array): Either.Either<Envelope, EventRefused> => {
  let text: string
  let json: unknown
  try {
    text = utf8.decode(body)
    json = JSON.parse(text)
  } catch {
    return Either.left(malformed)
  }
  const encrypted = isObject(json) ? json["encrypt"] : undefined
  return Either.right({
    text,
    json,
    encrypted: typeof encrypted === "string" ? { bytes: decode(encrypted) } : undefined
  })
}

/** A delivery that several apps may look at, one after another. Is read once at most, and proven once by its app. */
class SharedDelivery implements Delivery {
  readonly headers: Delivery["headers"]
  readonly body: Uint8Array
  readonly signed: Signed | undefined
  private read: Either.Either<Envelope, EventRefused> | undefined
  /** The result of the last app that looked at the delivery. */
  proven: { readonly by: Proof; readonly result: Result | Promise<Result> } | undefined

  constructor(delivery: Delivery) {
    this.headers = delivery.headers
    this.body = delivery.body
    this.signed = signatureOf(delivery)
  }

  /** The signature if it may be right. */
  get checkable(): Signed | undefined {
    return this.signed?.signature.length === lengthOfSignature ? this.signed : undefined
  }

  get envelope(): Either.Either<Envelope, EventRefused> {
    return this.read ??= envelopeOf(this.body)
  }
}

export const shared = (delivery: Delivery): SharedDelivery =>
  delivery instanceof SharedDelivery ? delivery : new SharedDelivery(delivery)

type Opened = Either.Either<Message.Message, EventRefused>

const andThen = <A, B>(a: A | Promise<A>, f: (a: A) => B | Promise<B>): B | Promise<B> =>
  a instanceof Promise ? a.then(f) : f(a)

export const make = ({ appId, crypto, maxAge, maxFuture, verificationToken }: {
  readonly appId: string
  /** `undefined` if the app has no Encrypt Key. */
  readonly crypto: Crypto | undefined
  readonly verificationToken: Option.Option<Redacted.Redacted>
  /** In milliseconds. */
  readonly maxAge: number
  /** In milliseconds. */
  readonly maxFuture: number
}): Proof => {
  const staleness = ({ timestamp }: Signed, now: number): EventRefused | undefined => {
    if (!/^\d+$/.test(timestamp)) return noTimestamp
    const age = ageOf(timestamp, now)
    if (age <= maxAge && age >= -maxFuture) return undefined
    const inMillis = now - Number(timestamp)
    const isInMillis = inMillis <= maxAge && inMillis >= -maxFuture
    return refused(
      "Stale",
      isInMillis
        ? "the signature's timestamp is in milliseconds, and the platform sends seconds: something between the platform and "
          + "this service, or a test, has made it"
        : `the signature is from ${Duration.format(Duration.millis(Math.abs(age)))} ${
          age < 0 ? "in the future" : "ago"
        }`
          + ": somebody sends old deliveries again, or this machine's clock is wrong"
    )
  }

  const tokenFlaw = (token: string | undefined): EventRefused | undefined =>
    Option.isNone(verificationToken)
      || (token !== undefined && constantTimeEquals(token, Redacted.value(verificationToken.value)))
      ? undefined
      : token === undefined
      ? noToken
      : wrongToken

  /** Reads the message and checks the verification token. */
  const read = (json: unknown, text: string): Opened => {
    const message = Message.decode(json, text)
    if (Either.isLeft(message)) {
      return Either.left(refused("Malformed", `neither an event nor a handshake: ${message.left}`))
    }
    const flaw = tokenFlaw(message.right.token)
    return flaw === undefined ? Either.right(message.right) : Either.left(flaw)
  }

  /** Decides about an encrypted delivery. `flaw`: what is wrong with the signature. `text`: the decrypted body. */
  const judge = (
    signed: Signed | undefined,
    flaw: EventRefused | undefined,
    text: string | undefined
  ): Opened => {
    if (text === undefined) return Either.left(signed === undefined || flaw === undefined ? decryption : flaw)
    const json = parse(text)
    const opened = Either.isLeft(json) ? Either.left(json.left) : read(json.right, text)
    // A handshake need not be signed (page "将事件发送至开发者服务器").
    if (flaw === undefined || (Either.isRight(opened) && opened.right._tag === "Challenge")) return opened
    // The status must not say how far the decryption came, so each of these is a 401. The log says what is wrong.
    if (Either.isRight(json) && Message.isOldCardAction(json.right)) return Either.left(oldCard(flaw))
    return Either.left(signed === undefined && Either.isLeft(opened) && opened.left.isUnproven ? opened.left : flaw)
  }

  const openPlain = ({ envelope }: SharedDelivery): Opened =>
    Either.isLeft(envelope)
      ? Either.left(envelope.left)
      : envelope.right.encrypted === undefined
      ? read(envelope.right.json, envelope.right.text)
      : Either.left(keyMissing)

  /** Opens a delivery to an app with an Encrypt Key, whose signature is right, wrong or missing. */
  const openEncrypted = (crypto: Crypto, delivery: SharedDelivery, isGenuine: boolean, now: number) => {
    const { body, checkable, signed } = delivery
    if (!isGenuine && body.length > (checkable === undefined ? longestUnsigned : longestMissigned)) {
      return Either.left(signed === undefined ? unsigned : wrongSignature)
    }
    const { envelope } = delivery
    if (Either.isLeft(envelope)) return Either.left(envelope.left)
    const { encrypted, json } = envelope.right
    if (encrypted === undefined) {
      return Either.left(Message.isOldCardAction(json) ? oldCard(notEncrypted) : notEncrypted)
    }
    const flaw = signed === undefined ? unsigned : isGenuine ? staleness(signed, now) : wrongSignature
    return encrypted.bytes === undefined
      ? judge(signed, flaw, undefined)
      : andThen(crypto.decrypt(encrypted.bytes), (text) => judge(signed, flaw, text))
  }

  const open = (delivery: SharedDelivery, now: number): Opened | Promise<Opened> => {
    if (crypto === undefined) return openPlain(delivery)
    const { checkable } = delivery
    return andThen(
      checkable !== undefined && crypto.isGenuine(checkable),
      (isGenuine) => openEncrypted(crypto, delivery, isGenuine, now)
    )
  }

  const prove = (message: Message.Message, signed: Signed | undefined, now: number): Result => {
    if (message._tag === "Challenge") return Either.right({ _tag: "Challenge", challenge: message.challenge })
    const { appId: meant, createdAt, type } = message.event
    // Only the ticket's event must name its app: other events of schema 1.0 may not.
    if (meant !== undefined ? meant !== appId : type === "app_ticket") {
      return Either.left(refused("ForeignApp", `it is for ${oneLine(meant ?? "no app")} and not for ${appId}`))
    }
    const event = { ...message.event, appId, createdAt: createdAt ?? DateTime.unsafeMake(now) }
    const age = signed && ageOf(signed.timestamp, now)
    return Either.right({ _tag: "Event", event, isDated: createdAt !== undefined, age })
  }

  const proof: Proof = (delivery, now) => {
    const read = shared(delivery)
    if (read.proven?.by === proof) return read.proven.result
    const result = andThen(
      open(read, now),
      (message) =>
        // Without an encrypt key, nothing is signed.
        Either.isLeft(message) ? Either.left(message.left) : prove(message.right, crypto && read.signed, now)
    )
    read.proven = { by: proof, result }
    return result
  }
  return proof
}
