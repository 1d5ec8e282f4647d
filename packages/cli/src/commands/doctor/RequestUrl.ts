/** Checks the links between the platform and the service at the request URL. Sends a challenge as the platform does. */
import type { Service as App } from "@effect-feishu/core/FeishuApp"
import type { Delivery } from "@effect-feishu/emulator/App"
import * as EventCrypto from "@effect-feishu/emulator/EventCrypto"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as RandomBytes from "../../RandomBytes.js"
import { Broken, skip, type Skipped } from "./Link.js"

export interface Answer {
  readonly elapsed: Duration.Duration
  readonly status: number
  /** `true`: the answer is the challenge. */
  readonly isRight: boolean
}

/** The longest answer that is read, in characters. A challenge is far shorter. */
const maxAnswerBytes = 64 * 1024

/** Reads the beginning, because an answer may never end. */
const bodyOf = (response: HttpClientResponse.HttpClientResponse) => {
  let bytes = 0
  return response.stream.pipe(
    Stream.catchAll((error) => error.reason === "EmptyBody" ? Stream.empty : Stream.fail(error)),
    Stream.takeUntil((chunk) => (bytes += chunk.length) > maxAnswerBytes),
    Stream.decodeText(),
    Stream.mkString
  )
}

const decodeChallenge = Schema.decodeOption(Schema.parseJson(Schema.Struct({ challenge: Schema.String })))

const unreachable = (detail: string) =>
  new Broken({
    detail,
    advice:
      "Check that the service runs, that its address leads to it from outside (tunnel, proxy, firewall), and that the "
      + "path is its webhook's.",
    code: 3
  })

/** Returns why there was no answer. */
const noAnswer = (app: App, { code = "", message }: NodeJS.ErrnoException) =>
  code === "ERR_SSL_WRONG_VERSION_NUMBER" || /wrong version number/.test(message)
    ? new Broken({
      detail: "what listens there does not speak TLS, as https needs it",
      advice: "Give the address that the platform has. On this machine it may begin with http://.",
      code: 3
    })
    : code === "UND_ERR_SOCKET" || code === "ECONNRESET"
    ? new Broken({
      detail: `it is reached, and breaks the connection off without an answer (${message})`,
      advice: "Look into the log of the service: it may have failed over what it was sent"
        + (Option.isNone(app.encryptKey)
          ? ", which was not encrypted, for FEISHU_ENCRYPT_KEY is not set: set it if the app has one."
          : "."),
      code: 3
    })
    : unreachable(`it cannot be reached: ${message}`)

export interface Response {
  readonly elapsed: Duration.Duration
  readonly status: number
  readonly contentType: string | undefined
  readonly body: string
}

/** Sends a delivery, and reads the answer. */
export const send = (
  app: App,
  url: string,
  { body, headers }: Delivery
): Effect.Effect<Response, Broken, HttpClient.HttpClient> =>
  HttpClientRequest.post(url).pipe(
    HttpClientRequest.setHeaders(headers),
    HttpClientRequest.bodyText(body, headers["content-type"]),
    HttpClient.execute,
    Effect.flatMap((response) =>
      Effect.map(
        bodyOf(response),
        (body) => ({ status: response.status, contentType: response.headers["content-type"], body })
      )
    ),
    Effect.timed,
    Effect.map(([elapsed, response]) => ({ ...response, elapsed })),
    Effect.mapError(({ cause, message }) =>
      noAnswer(app, cause instanceof Error && cause.cause instanceof Error ? cause.cause : new Error(message))
    ),
    Effect.scoped
  )

/** Longer than the 1 s for which the platform waits, to measure how late an answer is. */
const patience = Duration.seconds(5)

/** Sends a challenge with the app's key and token. */
export const ask = (app: App, url: string): Effect.Effect<Answer, Broken | Skipped, HttpClient.HttpClient> =>
  Effect.gen(function*() {
    const challenge = yield* RandomBytes.hex(16)
    const token = Option.match(app.verificationToken, { onNone: () => "", onSome: Redacted.value })
    const text = JSON.stringify({ challenge, token, type: "url_verification" })
    const iv = yield* RandomBytes.make(16)
    const body = Option.match(app.encryptKey, {
      onNone: () => text,
      onSome: (key) => JSON.stringify({ encrypt: EventCrypto.encrypt({ encryptKey: Redacted.value(key), iv, text }) })
    })
    const headers = { "content-type": "application/json; charset=utf-8" }
    const { body: answer, elapsed, status } = yield* send(app, url, { body, headers }).pipe(
      Effect.timeoutFail({ duration: patience, onTimeout: () => unreachable("it gave no answer within 5 s") })
    )
    const isRight = status === 200 && Option.exists(decodeChallenge(answer), (json) => json.challenge === challenge)
    return { elapsed, status, isRight }
  })

/** Says what to look for behind HTTP 500, which the library answers if the body was read before. */
export const adviceFor500 =
  "The service's log has the reason. A body parser, for example express.json(), must not come before "
  + "the webhook, which needs the bytes of the body as they arrive."

export const reached = (app: App, { elapsed, isRight, status }: Answer): Effect.Effect<string, Broken> =>
  isRight
    ? Duration.lessThanOrEqualTo(elapsed, "1 second")
      ? Effect.succeed(`it answered its challenge after ${Math.round(Duration.toMillis(elapsed))} ms`)
      : new Broken({
        detail: `it answered its challenge after ${Math.round(Duration.toMillis(elapsed))} ms`,
        advice: "The platform waits 1 s: find out what the service, or something before it, does before it answers.",
        code: 3
      })
    : status === 401
    ? Option.isSome(app.encryptKey)
      // The next link says what is wrong.
      ? Effect.succeed("it is reached, and refused its challenge with HTTP 401")
      : new Broken({
        detail: "it refused its challenge with HTTP 401",
        advice:
          "The service has another verification token, or an encrypt key, which this command does not have: give both "
          + "what the developer console has.",
        code: 2
      })
    : new Broken({
      detail: `it answered with HTTP ${status}${status === 200 ? ", but not with its challenge" : ""}`,
      advice: status >= 300 && status < 400
        ? "A delivery is not to be redirected: save and give the address that this one leads to."
        : (status === 500 ? `${adviceFor500} ` : "")
          + "Check the path, and that it is the service's webhook that answers, and not a proxy or a page."
          + (status >= 400 && status !== 404
            ? " If it is the webhook, check that it has this command's encrypt key and verification token: some answer so "
              + "where they cannot open what they get."
            : ""),
      code: 3
    })

export const encryptionKey = (app: App, { isRight, status }: Answer): Effect.Effect<string, Broken | Skipped> =>
  Option.isNone(app.encryptKey)
    ? skip("FEISHU_ENCRYPT_KEY is not set")
    : isRight
    ? Effect.succeed("the service opens what is encrypted with FEISHU_ENCRYPT_KEY")
    : status !== 401
    ? skip("it needs the request URL")
    : new Broken({
      detail: "the service refuses what is encrypted with FEISHU_ENCRYPT_KEY, or its FEISHU_VERIFICATION_TOKEN",
      advice:
        "Give this command and the service the encrypt key and the verification token of the developer console; the log "
        + "of feishu-ticket serve, or of a service with its library, says which of the two is wrong. If something before "
        + "the service asks for a login, let POST requests to this path pass.",
      code: 2
    })
