/** The library's own calls: resend and tokens. */
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { map as mapValues } from "effect/Record"
import * as Redacted from "effect/Redacted"
import { FeishuApp } from "../../FeishuApp.js"
import type { FeishuError } from "../../FeishuError.js"
import * as Attempts from "./attempts.js"
import * as Exchange from "./exchange.js"
import * as Failure from "./failure.js"
import * as Mask from "./mask.js"
import * as Read from "./read.js"
import type { ReadResponse } from "./readResponse.js"
import * as SendAgain from "./sendAgain.js"
import * as Transport from "./transport.js"

export interface Call<A> {
  /** Names the call in its span, `OpenApi.<name>`, and in the log. */
  readonly name: string
  readonly path: `/open-apis/${string}`
  /** Sent as a JSON object. A `Redacted` value is opened when the request is sent, and masked in errors. */
  readonly body: Readonly<Record<string, string | Redacted.Redacted>>
  /** Runs just before each request is sent. May interrupt the call. */
  readonly beforeSend?: Effect.Effect<void>
  /** Decodes the fields of the answer besides `code` and `msg`, or says which are wrong. */
  readonly decode: (json: unknown) => Effect.Effect<A, string>
}

const isSecret = (value: string | Redacted.Redacted): value is Redacted.Redacted => Redacted.isRedacted(value)

const requestOf = (url: string, body: Call<unknown>["body"]) =>
  HttpClientRequest.post(url, {
    acceptJson: true,
    body: HttpBody.text(
      JSON.stringify(mapValues(body, (value) => isSecret(value) ? Redacted.value(value) : value)),
      "application/json; charset=utf-8"
    )
  })

const decodeAnswer = <A>({ decode }: Call<A>, target: Failure.Target, answer: ReadResponse) =>
  Effect.flatMap(
    answer.result,
    (json) => Effect.mapError(decode(json), (wrong) => Failure.unusable(target, answer.head, `the answer has ${wrong}`))
  )

/** Sends a `POST`. Retries under the `RetryPolicy` in force: the library's own calls do no harm when sent twice. */
export const post = <A>(
  call: Call<A>
): Effect.Effect<A, FeishuError, FeishuApp | HttpClient.HttpClient> => {
  const secrets = Object.values(call.body).filter(isSecret)
  const annotations = { call: call.name }
  return Effect.gen(function*() {
    const app = yield* FeishuApp
    const send = Transport.make(yield* HttpClient.HttpClient, app)
    const transport: Transport.Transport = (request) => Effect.andThen(call.beforeSend ?? Effect.void, send(request))
    const url = app.baseUrl + call.path
    const request = requestOf(url, call.body)
    const target: Failure.Target = { method: "POST", url, mask: Mask.make(secrets) }
    const read: Exchange.Exchange<A, FeishuError>["read"] = (response, span) =>
      Effect.flatMap(Read.whole(target, response, Read.maxShort, span), (answer) => decodeAnswer(call, target, answer))
    return yield* Attempts.repeat(
      (attempt) =>
        Exchange.run({
          transport,
          request,
          target,
          read,
          attempt,
          spanName: `OpenApi.${call.name}`,
          attributes: { "feishu.app_id": app.appId },
          annotations
        }),
      { toRepeat: (error) => SendAgain.always.after(error) ? Option.some(error) : Option.none(), annotations }
    )
  })
}
