/** `feishu-ticket verify`: says whether a delivery is genuine, by the rules of the webhook, and what the delivery holds. */
import * as EventCrypto from "@effect-feishu/core/EventCrypto"
import * as EventHandler from "@effect-feishu/core/EventHandler"
import { EventRefused } from "@effect-feishu/core/EventRefused"
import * as EventSubscription from "@effect-feishu/core/EventSubscription"
import * as FeishuApp from "@effect-feishu/core/FeishuApp"
import type * as FeishuEvent from "@effect-feishu/core/FeishuEvent"
import * as TicketStore from "@effect-feishu/core/TicketStore"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Configuration from "../Configuration.js"
import * as Failure from "../Failure.js"
import type * as Options from "../Options.js"
import * as Output from "../Output.js"
import * as Report from "../Report.js"
import * as Secrets from "../Secrets.js"
import * as StandardInput from "../StandardInput.js"
import * as Time from "../Time.js"

const cannotRead = (path: string, { message }: { readonly message: string }) =>
  new Failure.UsageError({ message: `--body ${path} cannot be read: ${message}` })

const readBody = (path: string) =>
  path === "-"
    ? StandardInput.read("--body -")
    : Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readFile(path)).pipe(
      Effect.mapError((error) => cannotRead(path, { message: Configuration.whyNot(error) }))
    )

/** Returns the headers of the delivery, if the options give them. */
const headersOf = ({ nonce, signature, timestamp }: Options.Verify) => {
  const all = Option.all({ timestamp, nonce, signature })
  const none = [timestamp, nonce, signature].every(Option.isNone)
  return none || Option.isSome(all)
    ? Effect.succeed(Option.match(all, {
      onNone: () => ({}),
      onSome: ({ nonce, signature, timestamp }) => ({
        "x-lark-request-timestamp": timestamp,
        "x-lark-request-nonce": nonce,
        "x-lark-signature": signature
      })
    }))
    : new Failure.UsageError({
      message: "--timestamp, --nonce and --signature belong together: give all three of them"
    })
}

const jsonIn = (text: string) => Either.getOrUndefined(Either.try((): unknown => JSON.parse(text)))

const encryptedIn = (json: unknown) =>
  typeof json === "object" && json !== null && "encrypt" in json && typeof json.encrypt === "string"
    ? json.encrypt
    : undefined

const field = (json: unknown, name: string): unknown =>
  typeof json === "object" && json !== null ? Reflect.get(json, name) : undefined

/** Returns the app id that the delivery names: in `header` of schema 2.0, in `event` of 1.0. Nothing proves it yet. */
const namedIn = (json: unknown, encryptKey: Option.Option<Redacted.Redacted>) =>
  Effect.gen(function*() {
    const encrypted = encryptedIn(json)
    if (encrypted === undefined || Option.isNone(encryptKey)) return json
    const { decrypt } = yield* EventCrypto.make(encryptKey.value)
    return jsonIn(yield* Effect.orElseSucceed(decrypt(encrypted), () => ""))
  }).pipe(Effect.map((json) => {
    const appId = field(field(json, "header"), "app_id") ?? field(field(json, "event"), "app_id")
    // An app id has no white space or control character.
    return typeof appId !== "string" || appId === "" || /[\s\p{Cc}\p{Cs}]/u.test(appId) ? undefined : appId
  }))

/** Words a refusal of the webhook for a file and a command line. */
const inOwnWords = (refusal: EventRefused, isEncrypted: boolean) => {
  const { description, reason } = refusal
  const say = (description: string) => new EventRefused({ reason, description })
  switch (reason) {
    case "Signature":
      return say(
        "the signature is wrong: FEISHU_ENCRYPT_KEY is another app's, a header is another delivery's, or the file is not "
          + "byte for byte what arrived (a line break more at its end is enough)"
      )
    case "Unsigned":
      return say(
        isEncrypted
          ? "nothing shows that the platform sent it: give its headers with --timestamp, --nonce and --signature"
          : "it is not encrypted, and what the platform sends to an app with FEISHU_ENCRYPT_KEY is"
      )
    case "Decryption":
      return say("it cannot be decrypted with FEISHU_ENCRYPT_KEY")
    case "Token":
      return say(
        description.includes("no verification token") ? description : "its token is not FEISHU_VERIFICATION_TOKEN"
      )
    default:
      return refusal
  }
}

interface Seen {
  readonly isSigned: boolean
  readonly json: object
  readonly lines: ReadonlyArray<readonly [label: string, text: string]>
}

const ofEvent = (event: FeishuEvent.FeishuEvent, isCallback: boolean, reveal: boolean): Seen => {
  const payload = Secrets.showPayload(event.payload, reveal)
  return {
    isSigned: true,
    json: {
      holds: isCallback ? "callback" : "event",
      event: {
        type: event.type,
        id: event.id,
        appId: event.appId,
        tenantKey: Option.getOrNull(event.tenantKey),
        createdAt: Time.moment(event.createdAt),
        payload
      },
      ...(isCallback ? { revealed: reveal } : {})
    },
    lines: [
      ["holds", `${isCallback ? "a callback" : "an event"}, ${event.type}`],
      ["id", event.id],
      ["app", event.appId],
      ["tenant", Option.getOrElse(event.tenantKey, () => "none")],
      ["created", Time.moment(event.createdAt)],
      ["payload", JSON.stringify(payload, undefined, 2)]
    ]
  }
}

const ofTicket = (ticket: TicketStore.Ticket, appId: string, reveal: boolean): Seen => ({
  isSigned: true,
  json: {
    holds: "ticket",
    appId,
    ticket: Secrets.show(ticket.value, reveal),
    revealed: reveal,
    sentAt: Time.moment(ticket.sentAt)
  },
  lines: [
    ["holds", `an app ticket, ${Secrets.show(ticket.value, reveal)}`],
    ["app", appId],
    ["sent", Time.moment(ticket.sentAt)]
  ]
})

const ofChallenge = (challenge: string): Seen => ({
  isSigned: false,
  json: { holds: "challenge", challenge },
  lines: [["holds", "a handshake: the request URL is being saved"], ["challenge", challenge]]
})

export const run = (options: Options.Verify) =>
  Effect.gen(function*() {
    const variables = yield* Configuration.variables(options)
    const headers = yield* headersOf(options)
    const body = yield* readBody(options.body)
    const encryptKey = Option.map(Option.fromNullable(variables.get("FEISHU_ENCRYPT_KEY")), Redacted.make)
    const json = jsonIn(Buffer.from(body).toString("utf8"))
    if (encryptedIn(json) !== undefined && Option.isNone(encryptKey)) {
      return yield* new Failure.UsageError({
        message: "the delivery is encrypted, and FEISHU_ENCRYPT_KEY is not set: it is in the developer console under "
          + "\"Encryption Strategy\""
      })
    }
    if (Option.isSome(options.signature) && Option.isNone(encryptKey)) {
      return yield* new Failure.UsageError({
        message: "--signature is checked with FEISHU_ENCRYPT_KEY, which is not set; what the platform sends to an app "
          + "without one has no signature"
      })
    }
    const configured = variables.get("FEISHU_APP_ID")
    const appId = configured ?? (yield* namedIn(json, encryptKey)) ?? "unknown"
    const proving = new Set(["FEISHU_ENCRYPT_KEY", "FEISHU_VERIFICATION_TOKEN"])
    const app = yield* Configuration.app(
      // The app's secret proves no delivery, so the variable may be missing.
      new Map([
        ...[...variables].filter(([name]) => proving.has(name)),
        ["FEISHU_APP_ID", appId],
        ["FEISHU_APP_SECRET", "not needed"]
      ])
    )
    let event: FeishuEvent.FeishuEvent | undefined
    const verified = yield* Effect.gen(function*() {
      const { receive } = yield* EventSubscription.EventSubscription
      const receipt = yield* receive({ headers, body })
      if (receipt.outcome === "challenge") return ofChallenge(receipt.challenge)
      const ticket = yield* Effect.flatMap(TicketStore.TicketStore, ({ get }) => get(app.appId))
      if (Option.isSome(ticket)) return ofTicket(ticket.value, app.appId, options.reveal)
      // The platform shows the answer to a callback only.
      return event && ofEvent(event, receipt.outcome === "answered", options.reveal)
    }).pipe(
      // The log is about a service that handles deliveries.
      Logger.withMinimumLogLevel(LogLevel.None),
      Effect.provide(
        EventSubscription.layer({
          // A delivery stays genuine, however old it is.
          maxAge: "36500 days",
          maxCallbackAge: "36500 days",
          maxFuture: "36500 days",
          rememberFor: "100000 days",
          handlers: [EventHandler.all((received) => Effect.sync(() => void (event = received)))]
        }).pipe(
          Layer.provideMerge(Layer.merge(Layer.succeed(FeishuApp.FeishuApp, app), TicketStore.layerMemory))
        )
      ),
      Effect.catchTag("EventSubscriptionError", () => new Failure.UsageError({ message: Configuration.nothingProves })),
      Effect.catchTag("EventRefused", (refusal) =>
        body.length === 0
          ? new EventRefused({ reason: "Malformed", description: "the body is empty: give the bytes of a delivery" })
          : inOwnWords(refusal, encryptedIn(json) !== undefined))
    )
    const { paint } = yield* Output.Output
    const isAppChecked = configured !== undefined || appId === "unknown"
    // A handshake has no time.
    const signedAt = Option.isSome(app.encryptKey) && Option.isSome(options.timestamp) && verified?.isSigned === true
      ? DateTime.make(Number(options.timestamp.value) * 1000)
      : Option.none()
    const isSigned = Option.isSome(signedAt)
    const now = yield* Clock.currentTimeMillis
    const age = Option.map(signedAt, (time) => now - DateTime.toEpochMillis(time))
    const proofs = [
      ...(isSigned ? ["its signature"] : []),
      ...(!isSigned && Option.isSome(app.encryptKey) ? ["its encryption"] : []),
      ...(Option.isSome(app.verificationToken) ? ["its verification token"] : [])
    ]
    return {
      json: {
        genuine: true,
        provenBy: proofs,
        signedAt: Option.getOrUndefined(Option.map(signedAt, Time.moment)),
        ageSeconds: Option.getOrUndefined(Option.map(age, (age) => Math.round(age / 1000))),
        ...verified?.json,
        ...(isAppChecked ? {} : { appChecked: false })
      },
      text: [
        `${paint("green", "✓")} genuine: proven by ${proofs.join(" and ")}${
          Option.match(age, { onNone: () => "", onSome: (age) => `, signed ${Time.ago(age)}` })
        }`,
        ...(verified?.lines ?? []).map(([label, text]) =>
          `${paint("bold", label.padEnd(9))} ${Output.plain(label === "payload" ? text : text.replace(/\s+/g, " "))}`
        ),
        ...(isAppChecked ? [] : [paint("dim", "FEISHU_APP_ID is not set, so whose event it is was not checked.")])
      ].join("\n")
    }
  }).pipe(
    Effect.catchTag("TicketStoreError", Effect.die),
    (effect) => Report.report(effect, options)
  )
