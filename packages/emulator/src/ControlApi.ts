/**
 * Steers the emulator by HTTP, under `/_emulator/`: for the console in the browser, the command `feishu-ticket`, and tests
 * in any language. The emulator serves the OpenAPI document of this module at `/_emulator/openapi.json`.
 *
 * A client in TypeScript: `HttpApiClient.make(ControlApi.ControlApi, { baseUrl })` of `@effect/platform`.
 *
 * @since 0.1.0
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiError from "@effect/platform/HttpApiError"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { CallbackError, NoTicket, OptionsError, RequestUrlError, UnknownApp } from "./EmulatorError.js"

/**
 * Names each field that does not fit, at most five: `calls[0].fault.code: is missing`. Takes the issues of an
 * `HttpApiDecodeError`, or of `ParseResult.ArrayFormatter`. Names only the fields that lie deepest, because the issues of the
 * fields around them say nothing more.
 *
 * @since 0.1.0
 * @category errors
 */
export const flawsOf = (
  issues: ReadonlyArray<{ readonly path: ReadonlyArray<PropertyKey>; readonly message: string }>
): ReadonlyArray<string> => {
  const fieldOf = (path: ReadonlyArray<PropertyKey>): string =>
    path.map((part, i) => typeof part === "number" ? `[${part}]` : i === 0 ? String(part) : `.${String(part)}`).join("")
  // Every optional field has such an issue, besides what is wrong with its value.
  const isTelling = ({ message }: { readonly message: string }): boolean => !message.startsWith("Expected undefined, ")
  const deepest = Math.max(...issues.map(({ path }) => path.length))
  const lowest = issues.filter(({ path }) => path.length === deepest)
  const telling = lowest.some(isTelling) ? lowest.filter(isTelling) : lowest
  const flaws = telling.map(({ message, path }) => path.length === 0 ? message : `${fieldOf(path)}: ${message}`)
  return [...new Set(flaws)].slice(0, 5)
}

const units: Readonly<Record<string, string>> = { ms: "millis", s: "seconds", m: "minutes", h: "hours", d: "days" }

/** Spells out `90s` as `90 seconds`. */
const spelledOut = (input: string | number): unknown => {
  const [, amount, unit = ""] = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/.exec(String(input).trim()) ?? []
  return amount === undefined ? input : `${amount} ${units[unit]}`
}

/**
 * A duration: `3 seconds`, `100 millis`, `2 hours`, `90s`, `2h`, or a number of milliseconds.
 *
 * @since 0.1.0
 * @category schemas
 */
export const DurationText = Schema.transformOrFail(
  Schema.Union(Schema.String, Schema.NonNegative),
  Schema.DurationFromSelf,
  {
    strict: true,
    decode: (input, _, ast) =>
      Option.match(Duration.decodeUnknown(spelledOut(input)), {
        onNone: () =>
          ParseResult.fail(
            new ParseResult.Type(
              ast,
              input,
              `${input} is no duration: write "3 seconds", "2h", or a number of milliseconds`
            )
          ),
        onSome: (duration) =>
          Duration.isFinite(duration) && !String(input).trim().startsWith("-")
            ? ParseResult.succeed(duration)
            : ParseResult.fail(new ParseResult.Type(ast, input, "a duration must be 0 or longer, and finite"))
      }),
    // JSON has no `Infinity`, for an answer that never comes.
    encode: (duration) => ParseResult.succeed(Math.min(Duration.toMillis(duration), Number.MAX_SAFE_INTEGER))
  }
).annotations({
  identifier: "Duration",
  description: "3 seconds, 100 millis, 2 hours, 90s, 2h, or a number of milliseconds",
  jsonSchema: { anyOf: [{ type: "string" }, { type: "number", minimum: 0 }] }
})

/** A field that does not exist is an error, because it is a misspelling. */
const strict = { parseOptions: { onExcessProperty: "error" } } as const

const Millis = Schema.Number.annotations({ description: "Milliseconds since 1970" })
const Fields = Schema.Record({ key: Schema.String, value: Schema.Unknown })
const Kind = Schema.Literal("store", "self-built")

/**
 * @since 0.1.0
 * @category schemas
 */
export const Ticket = Schema.Struct({
  /** Its ends: `3fa1…9c`. */
  value: Schema.String,
  expiresAt: Millis
}).annotations({ identifier: "Ticket" })

/**
 * @since 0.1.0
 * @category schemas
 */
export const Token = Schema.Struct({
  /** Its ends: `t-3f…9c`. */
  value: Schema.String,
  kind: Schema.Literal("app", "tenant", "user"),
  tenantKey: Schema.NullOr(Schema.String),
  expiresAt: Millis
}).annotations({ identifier: "Token" })

/**
 * An app as it is now, without secrets.
 *
 * @since 0.1.0
 * @category schemas
 */
export const AppState = Schema.Struct({
  appId: Schema.String,
  kind: Kind,
  enabled: Schema.Boolean,
  tenants: Schema.Array(Schema.String),
  /** `null`: none is saved. */
  requestUrl: Schema.NullOr(Schema.String),
  hasEncryptKey: Schema.Boolean,
  hasVerificationToken: Schema.Boolean,
  tickets: Schema.Array(Ticket),
  tokens: Schema.Array(Token)
}).annotations({ identifier: "AppState" })

/**
 * An app to add, or to set up anew.
 *
 * @since 0.1.0
 * @category schemas
 */
export const NewApp = Schema.Struct({
  appSecret: Schema.Redacted(Schema.NonEmptyString),
  kind: Schema.optional(Kind),
  enabled: Schema.optional(Schema.Boolean),
  encryptKey: Schema.optional(Schema.Redacted(Schema.NonEmptyString)),
  verificationToken: Schema.optional(Schema.Redacted(Schema.NonEmptyString)),
  tenants: Schema.optional(Schema.Array(Schema.NonEmptyString)),
  jwtTokens: Schema.optional(Schema.Boolean)
}).annotations({ identifier: "NewApp", ...strict })

/**
 * The changes of an app. A field that is left out stays as it is.
 *
 * @since 0.1.0
 * @category schemas
 */
export const AppChange = Schema.Struct({
  enabled: Schema.optional(Schema.Boolean),
  tenants: Schema.optional(Schema.Array(Schema.NonEmptyString)),
  appSecret: Schema.optional(Schema.Redacted(Schema.NonEmptyString)),
  encryptKey: Schema.optional(Schema.NullOr(Schema.Redacted(Schema.NonEmptyString))),
  verificationToken: Schema.optional(Schema.NullOr(Schema.Redacted(Schema.NonEmptyString)))
}).annotations({ identifier: "AppChange", ...strict })

/**
 * An event or a callback, but for what the platform adds.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Event = Schema.Struct({
  type: Schema.NonEmptyString,
  /** Default: `2.0`. */
  schema: Schema.optional(Schema.Literal("1.0", "2.0")),
  /** `null`: none. Default: the first tenant of the app. */
  tenantKey: Schema.optional(Schema.NullOr(Schema.String)),
  payload: Schema.optionalWith(Fields, { default: () => ({}) })
}).annotations({ identifier: "Event", ...strict })

/**
 * The outcome of the first delivery of an event.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Delivered = Schema.Struct({
  eventId: Schema.String,
  /** `pending`: a fault holds or delays the delivery. The journal will have the delivery. */
  outcome: Schema.Literal(
    "acknowledged",
    "refused",
    "timed out",
    "unreachable",
    "no request URL",
    "lost",
    "pending"
  ),
  /** Of the answer of the request URL. `null`: there was no answer. */
  status: Schema.NullOr(Schema.Number),
  body: Schema.String
}).annotations({ identifier: "Delivered" })

/**
 * A fault of a call: see the module `Fault`.
 *
 * @since 0.1.0
 * @category schemas
 */
export const CallFault = Schema.Union(
  Schema.TaggedStruct("Drop", {}),
  Schema.TaggedStruct("Cut", {}),
  Schema.TaggedStruct("CutJson", {}),
  Schema.TaggedStruct("ContentType", { contentType: Schema.String }),
  Schema.TaggedStruct("Delay", { duration: DurationText }),
  Schema.TaggedStruct("Refuse", {
    code: Schema.Int,
    msg: Schema.optionalWith(Schema.String, { default: () => "refused by a fault" }),
    status: Schema.optionalWith(Schema.Int.pipe(Schema.between(200, 599)), { default: () => 400 }),
    resetSeconds: Schema.optional(Schema.NonNegativeInt)
  }),
  Schema.TaggedStruct("Answer", {
    status: Schema.Int.pipe(Schema.between(200, 599)),
    headers: Schema.optionalWith(Schema.Record({ key: Schema.String, value: Schema.String }), { default: () => ({}) }),
    body: Schema.optionalWith(Schema.String, { default: () => "" })
  })
).annotations({ identifier: "CallFault" })

/**
 * A fault of a push: see the module `Fault`.
 *
 * @since 0.1.0
 * @category schemas
 */
export const PushFault = Schema.Union(
  Schema.TaggedStruct("Lost", {}),
  Schema.TaggedStruct("Late", { by: DurationText }),
  Schema.TaggedStruct("Held", {}),
  Schema.TaggedStruct("Doubled", { after: DurationText }),
  Schema.TaggedStruct("Replayed", { after: DurationText }),
  Schema.TaggedStruct("Forged", {}),
  Schema.TaggedStruct("Tampered", {})
).annotations({ identifier: "PushFault" })

/** Exactly one of `next`, `every` and `probability`; none is `next: 1`. */
const when = {
  /** Goes wrong the next so many times. */
  next: Schema.optional(Schema.Positive.pipe(Schema.int())),
  /** Goes wrong every so many times. */
  every: Schema.optional(Schema.Positive.pipe(Schema.int())),
  /** Goes wrong with this probability. */
  probability: Schema.optional(Schema.Number.pipe(Schema.greaterThan(0), Schema.lessThanOrEqualTo(1))),
  /** Of the probability: the same seed gives the same sequence. */
  seed: Schema.optional(Schema.Union(Schema.String, Schema.Number)),
  /** The paths, or the types of events, that the rule is for. Default: all. */
  only: Schema.optional(Schema.NonEmptyArray(Schema.NonEmptyString))
}

/**
 * @since 0.1.0
 * @category schemas
 */
export const CallRule = Schema.Struct({ fault: CallFault, ...when }).annotations({ identifier: "CallRule", ...strict })

/**
 * @since 0.1.0
 * @category schemas
 */
export const PushRule = Schema.Struct({ fault: PushFault, ...when }).annotations({ identifier: "PushRule", ...strict })

/**
 * @since 0.1.0
 * @category schemas
 */
export const Faults = Schema.Struct({
  /** Default: none. */
  calls: Schema.optionalWith(Schema.Array(CallRule), { default: () => [] }),
  /** Default: none. */
  pushes: Schema.optionalWith(Schema.Array(PushRule), { default: () => [] })
}).annotations({ identifier: "Faults", ...strict })

/**
 * An answer to calls that the emulator knows nothing of.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Answer = Schema.Struct({
  /** Default: any. */
  method: Schema.optional(Schema.NonEmptyString),
  /** `:message_id` stands for any segment. */
  path: Schema.NonEmptyString,
  /** Default: 200. */
  status: Schema.optional(Schema.Int.pipe(Schema.between(200, 599))),
  body: Schema.Unknown
}).annotations({ identifier: "Answer", ...strict })

/**
 * Headers and text, without secrets.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Message = Schema.Struct({
  headers: Schema.Record({ key: Schema.String, value: Schema.String }),
  text: Schema.String
}).annotations({ identifier: "Message" })

const summary = { id: Schema.Int, at: Millis, endedAt: Millis }
const details = {
  sent: Schema.optional(Message),
  received: Schema.optional(Message)
}

/**
 * An entry of the journal: see the module `Journal`. `sent` and `received` are there in `GET /_emulator/journal/:id` only.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Entry = Schema.Union(
  Schema.TaggedStruct("Call", {
    ...summary,
    method: Schema.String,
    path: Schema.String,
    query: Schema.String,
    appId: Schema.optional(Schema.String),
    tenantKey: Schema.optional(Schema.String),
    token: Schema.Literal("none", "valid", "invalid"),
    fault: Schema.optional(Schema.String),
    outcome: Schema.Literal("answered", "no answer", "broken off"),
    status: Schema.optional(Schema.Number),
    code: Schema.optional(Schema.Number),
    logId: Schema.String,
    ...details
  }),
  Schema.TaggedStruct("Handshake", {
    ...summary,
    appId: Schema.String,
    outcome: Schema.Literal("passed", "failed"),
    reason: Schema.optional(Schema.String)
  }),
  Schema.TaggedStruct("Push", {
    ...summary,
    appId: Schema.String,
    tenantKey: Schema.optional(Schema.String),
    kind: Schema.Literal("event", "callback"),
    eventType: Schema.String,
    eventId: Schema.String,
    attempt: Schema.Int,
    origin: Schema.Literal("platform", "forged", "replayed"),
    fault: Schema.optional(Schema.String),
    outcome: Schema.Literal("acknowledged", "refused", "timed out", "unreachable", "no request URL", "lost"),
    status: Schema.optional(Schema.Number),
    ...details
  })
).annotations({ identifier: "Entry" })

/**
 * @since 0.1.0
 * @category schemas
 */
export const State = Schema.Struct({
  /** The URL by which apps reach the emulator. */
  baseUrl: Schema.String,
  /** On the platform's clock. */
  now: Millis,
  /** The time by which the clock was run forward, in milliseconds. */
  advanced: Schema.Number,
  apps: Schema.Array(AppState),
  faults: Faults,
  answers: Schema.Array(Answer),
  /** The id of the newest entry in the journal. 0: there is none. */
  lastEntry: Schema.Int
}).annotations({ identifier: "State" })

/**
 * An event or a callback to start from.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Template = Schema.Struct({
  type: Schema.String,
  kind: Schema.Literal("event", "callback"),
  /** Default: `2.0`. */
  schema: Schema.optional(Schema.Literal("1.0", "2.0")),
  titles: Schema.Struct({ en: Schema.String, zh: Schema.String }),
  payload: Fields
}).annotations({ identifier: "Template" })

const ofApp = Schema.Struct({ appId: Schema.NonEmptyString })
const noContent = HttpApiSchema.NoContent

const number = (options: { readonly from: number; readonly to: number; readonly otherwise: number }) =>
  Schema.optionalWith(
    Schema.NumberFromString.pipe(Schema.int(), Schema.between(options.from, options.to)),
    { default: () => options.otherwise }
  )

/** Looks at the emulator. */
const looking = HttpApiGroup.make("look", { topLevel: true })
  .add(HttpApiEndpoint.get("state", "/state").addSuccess(State))
  .add(HttpApiEndpoint.get("templates", "/templates").addSuccess(Schema.Array(Template)))
  .add(
    HttpApiEndpoint.get("journal", "/journal")
      .setUrlParams(Schema.Struct({
        /** Only entries with a greater id. Default: 0. */
        after: number({ from: 0, to: Number.MAX_SAFE_INTEGER, otherwise: 0 }),
        /** Only so many of the newest. Default: 1,000. */
        limit: number({ from: 1, to: 100_000, otherwise: 1_000 }),
        /** Only of this app. Default: of all. */
        app: Schema.optional(Schema.String)
      }))
      .addSuccess(Schema.Array(Entry))
  )
  .add(
    HttpApiEndpoint.get("entry", "/journal/:id")
      .setPath(Schema.Struct({ id: Schema.NumberFromString.pipe(Schema.int()) }))
      .addSuccess(Entry)
      .addError(HttpApiError.NotFound)
  )
  .add(
    // Server-sent events: each `entries` event has an array of `Entry`, and the id of the last one.
    HttpApiEndpoint.get("changes", "/changes")
      .setUrlParams(Schema.Struct({
        /** The id of the last entry that is known. Default: the newest. The header `last-event-id` counts before. */
        after: Schema.optional(Schema.NumberFromString.pipe(Schema.int(), Schema.nonNegative()))
      }))
      .addSuccess(Schema.String.pipe(HttpApiSchema.withEncoding({ kind: "Text", contentType: "text/event-stream" })))
  )

/** Changes an app, and sends it something. */
const apps = HttpApiGroup.make("apps", { topLevel: true })
  .add(HttpApiEndpoint.put("setApp", "/apps/:appId").setPath(ofApp).setPayload(NewApp).addSuccess(noContent))
  .add(
    HttpApiEndpoint.patch("changeApp", "/apps/:appId").setPath(ofApp).setPayload(AppChange)
      .addSuccess(noContent)
      .addError(UnknownApp, { status: 404 })
  )
  .add(
    // Asks the URL for its challenge first, as the developer console does.
    HttpApiEndpoint.put("setRequestUrl", "/apps/:appId/request-url").setPath(ofApp)
      .setPayload(Schema.Struct({ url: Schema.NonEmptyString }).annotations(strict))
      .addSuccess(noContent)
      .addError(UnknownApp, { status: 404 })
      .addError(RequestUrlError, { status: 422 })
  )
  .add(
    HttpApiEndpoint.post("pushTicket", "/apps/:appId/tickets").setPath(ofApp)
      .addSuccess(Delivered)
      .addError(UnknownApp, { status: 404 })
      .addError(NoTicket, { status: 409 })
  )
  .add(
    HttpApiEndpoint.del("invalidateTickets", "/apps/:appId/tickets").setPath(ofApp)
      .addSuccess(noContent)
      .addError(UnknownApp, { status: 404 })
  )
  .add(
    HttpApiEndpoint.del("invalidateTokens", "/apps/:appId/tokens").setPath(ofApp)
      .addSuccess(noContent)
      .addError(UnknownApp, { status: 404 })
  )
  .add(
    HttpApiEndpoint.post("push", "/apps/:appId/events").setPath(ofApp).setPayload(Event)
      .addSuccess(Delivered)
      .addError(UnknownApp, { status: 404 })
  )
  .add(
    HttpApiEndpoint.post("callback", "/apps/:appId/callbacks").setPath(ofApp).setPayload(Event)
      .addSuccess(Schema.Struct({ answer: Fields }))
      .addError(UnknownApp, { status: 404 })
      .addError(CallbackError, { status: 422 })
  )
  .add(
    HttpApiEndpoint.post("issueUserToken", "/apps/:appId/user-tokens").setPath(ofApp)
      .setPayload(
        Schema.Struct({
          /** Default: the first tenant of the app. */
          tenantKey: Schema.optional(Schema.NonEmptyString),
          /** Default: 2 hours. */
          life: Schema.optional(DurationText)
        }).annotations(strict)
      )
      .addSuccess(Schema.Struct({ userAccessToken: Schema.String, expiresAt: Millis }))
      .addError(UnknownApp, { status: 404 })
  )

/** Changes what the platform does. */
const platform = HttpApiGroup.make("platform", { topLevel: true })
  .add(
    HttpApiEndpoint.put("setFaults", "/faults").setPayload(Faults).addSuccess(noContent)
      .addError(OptionsError, { status: 400 })
  )
  .add(
    HttpApiEndpoint.post("addFaults", "/faults").setPayload(Faults).addSuccess(noContent)
      .addError(OptionsError, { status: 400 })
  )
  .add(
    HttpApiEndpoint.put("setAnswers", "/answers").setPayload(Schema.Array(Answer)).addSuccess(noContent)
      .addError(OptionsError, { status: 400 })
  )
  .add(
    HttpApiEndpoint.post("addAnswer", "/answers").setPayload(Answer).addSuccess(noContent)
      .addError(OptionsError, { status: 400 })
  )
  .add(
    // Runs the clock forward.
    HttpApiEndpoint.post("advance", "/clock").setPayload(Schema.Struct({ advance: DurationText }).annotations(strict))
      .addSuccess(Schema.Struct({ now: Millis, advanced: Schema.Number }))
      .addError(OptionsError, { status: 400 })
  )
  .add(HttpApiEndpoint.del("clearJournal", "/journal").addSuccess(noContent))
  .add(HttpApiEndpoint.post("reset", "/reset").addSuccess(noContent))

/**
 * All that the emulator can be told by HTTP. A request that does not fit gets 400 with a sentence, and changes nothing.
 *
 * @since 0.1.0
 * @category api
 */
export class ControlApi extends HttpApi.make("emulator")
  .add(looking)
  .add(apps)
  .add(platform)
  .prefix("/_emulator")
  .annotate(OpenApi.Title, "The Feishu / Lark emulator")
  .annotate(OpenApi.Version, "0.1.0")
  .annotate(OpenApi.Description, "Steers the stand-in for the Open Platform.")
{}
