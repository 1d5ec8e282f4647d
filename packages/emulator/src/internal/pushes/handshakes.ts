/** Asks a request URL for its challenge, as the developer console does (page "将事件发送至开发者服务器"). */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Acknowledgement, App, RequestUrl } from "../../App.js"
import type * as Journal from "../../Journal.js"
import { hex } from "../random.js"
import { open, seal } from "./sealing.js"
import type { Sending } from "./sending.js"

/** The platform waits so long for the answer. */
const answerTimeout = Duration.seconds(1)

const decodeChallenge = Schema.decodeOption(Schema.parseJson(Schema.Struct({ challenge: Schema.String })))

const isRequestUrl = (url: RequestUrl): boolean =>
  typeof url === "function" || (URL.canParse(url) && /^https?:/i.test(url))

const flawOf = ({ body, status }: Acknowledgement, challenge: string): string | undefined =>
  status !== 200
    ? `it answered with HTTP ${status} instead of 200`
    : Option.getOrUndefined(decodeChallenge(body))?.challenge !== challenge
    ? "its answer is not JSON with the same challenge"
    : undefined

const ask = (sending: Sending, app: App, url: RequestUrl): Effect.Effect<string | undefined> =>
  Effect.gen(function*() {
    if (!isRequestUrl(url)) return "it is not an http or https URL"
    const challenge = yield* hex(32)
    const text = JSON.stringify({ challenge, token: open(app.verificationToken) ?? "", type: "url_verification" })
    const delivery = yield* seal({ encryptKey: open(app.encryptKey), text, isSigned: false })
    return yield* sending.send(url, delivery).pipe(
      Effect.timeoutOption(answerTimeout),
      Effect.match({
        onFailure: () => "it cannot be reached",
        onSuccess: Option.match({
          onNone: () => "it did not answer within 1 s",
          onSome: (answer) => flawOf(answer, challenge)
        })
      })
    )
  })

/** Returns why the handshake failed, or `undefined` if it passed. */
export const handshake = (
  { journal, sending }: { readonly journal: Journal.Journal; readonly sending: Sending },
  app: App,
  url: RequestUrl
): Effect.Effect<string | undefined> =>
  Effect.gen(function*() {
    const at = yield* Clock.currentTimeMillis
    const reason = yield* ask(sending, app, url)
    const outcome = reason === undefined ? "passed" as const : "failed" as const
    const endedAt = yield* Clock.currentTimeMillis
    yield* journal.append({ _tag: "Handshake", at, endedAt, appId: app.appId, outcome, reason })
    return reason
  })
