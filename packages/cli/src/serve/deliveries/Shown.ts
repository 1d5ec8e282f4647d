/** The line or the JSON that `serve` prints for a delivery. */
import type * as FeishuApp from "@effect-feishu/core/FeishuApp"
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Output from "../../Output.js"
import * as Secrets from "../../Secrets.js"
import * as Time from "../../Time.js"
import * as AnswerText from "./AnswerText.js"
import type { Delivered } from "./Delivered.js"
import type { HandedOn } from "./Forward.js"

export interface Shown extends Delivered {
  readonly app: FeishuApp.Service
  /** The HTTP status that the platform got. */
  readonly status: number
  /** `undefined`: not handed on, because there is no target, or because the delivery is a handshake. */
  readonly forwarded: HandedOn | undefined
  /** The path of the file with the delivery. */
  readonly savedAs: string | undefined
}

export interface Options {
  /** Shows tickets and the tokens of cards whole. The secrets of the app stay hidden. */
  readonly reveal: boolean
}

const textOptions = ({ app, payload }: Shown, { reveal }: Options): AnswerText.Options => ({
  secrets: [app.appSecret, ...Option.toArray(app.encryptKey), ...Option.toArray(app.verificationToken)],
  payload,
  reveal
})

const showPayload = ({ kind, payload }: Delivered, { reveal }: Options): Delivered["payload"] => {
  const ticket = payload["app_ticket"]
  return kind === "ticket" && typeof ticket === "string"
    ? { ...payload, app_ticket: Secrets.show(Redacted.make(ticket), reveal) }
    : Secrets.showPayload(payload, reveal)
}

const createdAtOf = ({ createdAt }: Delivered): string | null => Option.getOrNull(Option.map(createdAt, Time.moment))

const jsonOfAnswer = (shown: Shown, { millis, result }: HandedOn, options: Options): object =>
  Either.match(result, {
    onLeft: ({ message, reason }) => ({ reason, failure: `the target ${message}`, millis }),
    onRight: ({ body, status }) => ({ status, millis, text: AnswerText.show(body, textOptions(shown, options)) })
  })

/** Returns the fields of a line of `--json`. */
export const toJson = (shown: Shown, options: Options): object => ({
  appId: shown.app.appId,
  kind: shown.kind,
  eventType: shown.type,
  id: shown.id,
  tenantKey: Option.getOrNull(shown.tenantKey),
  createdAt: createdAtOf(shown),
  payload: showPayload(shown, options),
  status: shown.status,
  ...(shown.forwarded !== undefined && { forwarded: jsonOfAnswer(shown, shown.forwarded, options) }),
  ...(shown.savedAs !== undefined && { savedAs: shown.savedAs })
})

const lineOfAnswer = (shown: Shown, { millis, result }: HandedOn, options: Options): string =>
  Either.match(result, {
    onLeft: ({ message }) => `not handed on: the target ${message}`,
    onRight: ({ body, status }) => {
      const text = AnswerText.line(body, textOptions(shown, options))
      return `handed on: ${status} after ${Duration.format(Duration.millis(millis))}${text === "" ? "" : `, ${text}`}`
    }
  })

/** Returns a line about a delivery, without its label. Shows the id of the app if `namesApp` says so. */
export const showLine = (shown: Shown, options: Options & { readonly namesApp: boolean }): string =>
  Output.plain(
    [
      shown.type,
      ...(shown.id === "" ? [] : [shown.id]),
      ...(options.namesApp ? [`app ${shown.app.appId}`] : []),
      ...Option.toArray(Option.map(shown.tenantKey, (key) => `tenant ${key}`)),
      ...Option.toArray(Option.map(shown.createdAt, (time) => `of ${Time.moment(time)}`)),
      shown.forwarded === undefined ? `answered ${shown.status}` : lineOfAnswer(shown, shown.forwarded, options),
      ...(shown.savedAs === undefined ? [] : [`saved as ${shown.savedAs}`])
    ].join(", ").replace(/\s+/g, " ")
  )
