/**
 * The link from a click of a user to the answer of the service. Sends a callback to the request URL as the platform does:
 * first a forged one, then a genuine one.
 */
import type { Service as App } from "@effect-feishu/core/FeishuApp"
import * as FeishuEvents from "@effect-feishu/core/FeishuEvents"
import type { Delivery, Event } from "@effect-feishu/emulator/App"
import * as Emulator from "@effect-feishu/emulator/Emulator"
import type * as FileSystem from "@effect/platform/FileSystem"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Configuration from "../../Configuration.js"
import { UsageError } from "../../Failure.js"
import * as RandomBytes from "../../RandomBytes.js"
import { Broken, type Held, skip, type Skipped } from "./Link.js"
import * as RequestUrl from "./RequestUrl.js"

type Link = Effect.Effect<Held, Broken | Skipped, HttpClient.HttpClient>

/** Sends the callback with the keys of `sender`. Returns the answer of the service, and how the platform takes the answer. */
const exchange = (app: App, url: string, callback: Event, sender: Pick<App, "encryptKey" | "verificationToken">) =>
  Effect.gen(function*() {
    const client = yield* HttpClient.HttpClient
    let answer: RequestUrl.Response | undefined
    let failure: Broken | undefined
    const requestUrl = (delivery: Delivery) =>
      RequestUrl.send(app, url, delivery).pipe(
        Effect.tapBoth({
          onFailure: (broken) => Effect.sync(() => void (failure = broken)),
          onSuccess: (response) => Effect.sync(() => void (answer = response))
        }),
        Effect.provideService(HttpClient.HttpClient, client)
      )
    const taken = yield* Effect.flatMap(Emulator.Emulator, (emulator) => emulator.callback(app.appId, callback)).pipe(
      Effect.provide(Emulator.layerHttpClient({
        apps: [{
          appId: app.appId,
          appSecret: app.appSecret,
          encryptKey: Option.getOrUndefined(sender.encryptKey),
          verificationToken: Option.getOrUndefined(sender.verificationToken),
          // Sends no tenant but the one that was given.
          tenants: [],
          requestUrl
        }]
      })),
      Effect.catchTags({ OptionsError: Effect.die, UnknownApp: Effect.die }),
      Effect.either
    )
    return { answer, failure, taken }
  })

/** Returns another key in the place of each key. */
const forgedKeys = ({ encryptKey, verificationToken }: App) => {
  const forged = (key: Option.Option<Redacted.Redacted>) =>
    Effect.transposeMapOption(key, () => Effect.map(RandomBytes.hex(16), Redacted.make))
  return Effect.all({ encryptKey: forged(encryptKey), verificationToken: forged(verificationToken) })
}

/** Says what to check if the service refuses a callback, and has answered a challenge with the same keys. */
const unauthorized = (app: App): string =>
  Option.isSome(app.encryptKey)
    ? "The service opens what is encrypted with FEISHU_ENCRYPT_KEY, so what it refuses is something else: check that it "
      + `serves the app ${app.appId}, that it computes the signature over the bytes of the body as they arrive, and that its `
      + "clock is right."
    : `Check that the service serves the app ${app.appId}, and that it looks for the verification token in header.token, `
      + "where a callback has it."

/** Says what to do about a status other than 200. */
const adviceFor = (app: App, status: number): string => {
  if (status === 401 || status === 403) return unauthorized(app)
  if (status < 300) return "The platform takes HTTP 200 only: answer with it and with {} to show nothing."
  if (status < 400) return "A delivery is not to be redirected: save and give the address that this one leads to."
  return status < 500
    ? "The URL answers a challenge, and not a callback of this type: check that the service has a handler for it, and that "
      + "the path is the one for callbacks."
    : `The handler failed. ${RequestUrl.adviceFor500} The platform does not send a callback again, so answer a failure with HTTP `
      + "200 and a toast of the type error."
}

/** Recognises the toast with which this library answers a card action after a failure. */
const isFailure = ({ toast }: Readonly<Record<string, unknown>>): boolean =>
  Predicate.isRecord(toast) && toast["content"] === FeishuEvents.failureToast.content

const isNothing = (answer: Readonly<Record<string, unknown>>): boolean => Object.keys(answer).length === 0

/** Says why the user may see nothing. The library answers so if there is no handler, and if that of a link fails. */
const adviceForNothing = (type: string): string =>
  "The user sees nothing: does the service handle this type (with this library: EventHandler.callback)?"
  + (type === FeishuEvents.LinkPreview.type ? " If there is one, it may have failed: see the service's log." : "")

/** The official Node SDK sends no content type. */
const isJson = (contentType: string | undefined) =>
  contentType === undefined || /^application\/json\b/i.test(contentType)

const operator = { open_id: "ou_feishu_ticket_doctor" }
const host = "im_message"
const context = { open_message_id: "om_feishu_ticket_doctor", open_chat_id: "oc_feishu_ticket_doctor" }

/** Payloads as the pages of the callbacks have them, with ids that do not exist. */
const payloads: ReadonlyMap<string, Event["payload"]> = new Map<string, Event["payload"]>([
  [FeishuEvents.CardAction.type, {
    operator,
    token: "c-feishu-ticket-doctor",
    action: { tag: "button", value: {} },
    host,
    context
  }],
  [FeishuEvents.LinkPreview.type, { operator, host, context: { url: "https://example.com/", ...context } }]
])

const decodePayload = Schema.decode(Schema.parseJson(Schema.Record({ key: Schema.String, value: Schema.Unknown })))

const readPayload = (path: string) =>
  Effect.flatMap(
    Configuration.readFile(`--payload ${path}`, path),
    (text) =>
      Effect.mapError(
        decodePayload(text),
        () => new UsageError({ message: `--payload ${path} must hold a JSON object, the event object of the callback` })
      )
  )

/** Checks that the service refuses a forged callback, and answers a genuine one in time with what the platform can show. */
const check = (app: App, url: string, callback: Event): Link =>
  Effect.gen(function*() {
    const { type } = callback
    if (Option.isNone(app.encryptKey) && Option.isNone(app.verificationToken)) {
      return yield* skip(
        "FEISHU_ENCRYPT_KEY and FEISHU_VERIFICATION_TOKEN are both not set, so nothing proves a callback"
      )
    }
    const forged = yield* exchange(app, url, callback, yield* forgedKeys(app))
    if (Either.isRight(forged.taken)) {
      return yield* new Broken({
        detail: `it answered a forged ${type}, made with other keys, with ${JSON.stringify(forged.taken.right)}`,
        advice:
          "Anybody who knows the URL can click on cards: check the signature, or the verification token if the app has "
          + "no encrypt key, before anything else.",
        code: 3
      })
    }
    const { answer, failure, taken } = yield* exchange(app, url, callback, app)
    if (failure !== undefined) return yield* failure
    if (answer === undefined) {
      return yield* new Broken({
        detail: `it gave no answer to ${type} within 3 s`,
        advice:
          "The platform waits 3 s: answer at once, and do the work afterwards. The token of a card's callback updates the "
          + "card later.",
        code: 3
      })
    }
    if (answer.status !== 200) {
      return yield* new Broken({
        detail: `it answered ${type} with HTTP ${answer.status}`,
        advice: adviceFor(app, answer.status),
        code: answer.status === 401 || answer.status === 403 ? 2 : 3
      })
    }
    if (Either.isLeft(taken)) {
      return yield* new Broken({
        detail: `it answered ${type} with HTTP 200, and ${taken.left.reason}`,
        advice:
          "Answer with what the page of the callback allows, or with {} to show nothing. If the service did not expect the "
          + "callback, give one that it knows with --payload.",
        code: 3
      })
    }
    const elapsed = Math.round(Duration.toMillis(answer.elapsed))
    if (isFailure(taken.right)) {
      return yield* new Broken({
        detail: `it answered ${type} after ${elapsed} ms with the toast of a failure: ${JSON.stringify(taken.right)}`,
        advice:
          "The handler failed or took too long: see the service's log. If the handler cannot decode the payload of this "
          + "command, give one that the handler knows with --payload, and the tenant with --tenant.",
        code: 3
      })
    }
    const unlikeJson = isJson(answer.contentType)
      ? ""
      : `the content type ${answer.contentType} instead of application/json: `
    const detail = `it refused a forged ${type}, and answered a genuine one after ${elapsed} ms with ${unlikeJson}${
      JSON.stringify(taken.right)
    }`
    return isNothing(taken.right) ? { detail, advice: adviceForNothing(type) } : detail
  })

/** Returns the check for a service at `url`. */
export const make = ({ payload, tenantKey, type, url }: {
  readonly type: string
  /** The file that holds the event object. */
  readonly payload: Option.Option<string>
  readonly tenantKey: string | undefined
  readonly url: string
}): Effect.Effect<(app: App) => Link, UsageError, FileSystem.FileSystem> =>
  Option.match(payload, {
    // The file may leave out fields: the defaults are sent instead.
    onSome: (path) => Effect.map(readPayload(path), (payload) => ({ ...payloads.get(type), ...payload })),
    onNone: () =>
      Effect.mapError(
        Effect.fromNullable(payloads.get(type)),
        () =>
          new UsageError({ message: `--callback ${type} needs --payload, a file that holds its event object as JSON` })
      )
  }).pipe(Effect.map((payload) => (app) => check(app, url, { type, tenantKey, payload })))
