/** Sends one delivery to the request URL of an app, and notes in the journal what came of it. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Acknowledgement, App, Delivery, RequestUrl } from "../../App.js"
import type { PushFault } from "../../Fault.js"
import type * as Journal from "../../Journal.js"
import type { Mask } from "../mask.js"
import type { Sealed } from "./sealing.js"

/** The platform waits so long for an answer (page "事件概述"). */
const answerTimeout = Duration.seconds(3)

/** The fields of a journal entry that are known before a delivery. */
export interface Label {
  readonly kind: "event" | "callback"
  readonly tenantKey: string | undefined
  readonly eventType: string
  readonly eventId: string
  readonly attempt: number
  readonly origin: "platform" | "forged" | "replayed"
  readonly fault: PushFault["_tag"] | undefined
}

/** The outcome of a delivery. `body` is empty if there was no answer. */
export interface Outcome {
  readonly outcome: "acknowledged" | "refused" | "timed out" | "unreachable" | "no request URL"
  readonly status: number | undefined
  readonly body: string
}

/** An outcome with the headers of the answer, for the journal. */
interface Answered extends Outcome {
  readonly headers?: Acknowledgement["headers"]
}

export interface Sending {
  /** Sends a text to a URL. Fails if nothing answers. */
  readonly send: (url: RequestUrl, delivery: Delivery) => Effect.Effect<Acknowledgement, unknown>
  /** Sends a delivery to the app's request URL as it is now. */
  readonly deliver: (appId: string, delivery: Sealed, label: Label) => Effect.Effect<Outcome>
}

/** The longest answer of a request URL, in bytes. Fails if an answer is longer. */
const longestAnswer = 1024 * 1024

const isEmptyBody = (error: unknown): boolean =>
  error instanceof HttpClientError.ResponseError && error.reason === "EmptyBody"

const readText = (response: HttpClientResponse.HttpClientResponse): Effect.Effect<string, unknown> =>
  response.stream.pipe(
    Stream.runFoldEffect({ chunks: new Array<Uint8Array>(), length: 0 }, ({ chunks, length }, chunk) => {
      chunks.push(chunk)
      const sum = length + chunk.length
      return sum > longestAnswer ? Effect.fail("too long") : Effect.succeed({ chunks, length: sum })
    }),
    // Leaves out a byte order mark, as `response.text` does.
    Effect.map(({ chunks }) => new TextDecoder().decode(Buffer.concat(chunks))),
    // For example with the status 204.
    Effect.catchIf(isEmptyBody, () => Effect.succeed(""))
  )

export const make = ({ apps, client, journal, mask, run }: {
  readonly mask: Mask
  readonly apps: ReadonlyMap<string, App>
  readonly client: HttpClient.HttpClient
  /** Runs an effect in the scope of the emulator. */
  readonly run: <A>(effect: Effect.Effect<A>) => Fiber.RuntimeFiber<A>
  readonly journal: Journal.Journal
}): Sending => {
  const untraced = HttpClient.withTracerPropagation(client, false)

  const post = (url: string, { body, headers }: Delivery) =>
    untraced.execute(
      HttpClientRequest.post(url).pipe(
        HttpClientRequest.setHeaders(headers),
        HttpClientRequest.bodyText(body, headers["content-type"])
      )
    ).pipe(
      Effect.flatMap((response) =>
        Effect.map(readText(response), (body) => ({ status: response.status, headers: response.headers, body }))
      )
    )

  /** Runs an effect in the scope of the emulator, so that a function that cannot be interrupted delays nobody. */
  const detached = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.async((resume) => {
      const fiber = run(Effect.exit(effect))
      fiber.addObserver((exit) => resume(Exit.flatten(exit)))
      return Fiber.interruptFork(fiber)
    })

  const send: Sending["send"] = (url, delivery) =>
    typeof url === "string"
      ? post(url, delivery)
      : detached(Effect.suspend(() => url({ headers: delivery.headers, body: delivery.body }))).pipe(
        // Also a function that interrupts itself must not interrupt who waits for the delivery.
        Effect.catchAllCause((cause) =>
          Option.match(Cause.failureOption(cause), {
            onNone: () => Effect.succeed({ status: 500, body: "" }),
            onSome: Effect.fail
          })
        )
      )

  const attempt = (url: RequestUrl | undefined, delivery: Delivery): Effect.Effect<Answered> => {
    const nothing = (outcome: Outcome["outcome"]): Outcome => ({ outcome, status: undefined, body: "" })
    return url === undefined ? Effect.succeed(nothing("no request URL")) : send(url, delivery).pipe(
      Effect.timeoutOption(answerTimeout),
      Effect.match({
        onFailure: () => nothing("unreachable"),
        onSuccess: Option.match({
          onNone: () => nothing("timed out"),
          onSome: ({ body, headers, status }): Answered => ({
            outcome: status === 200 ? "acknowledged" : "refused",
            status,
            body,
            headers
          })
        })
      })
    )
  }

  return {
    send,
    deliver: (appId, delivery, label) =>
      Effect.gen(function*() {
        const at = yield* Clock.currentTimeMillis
        const outcome = yield* attempt(apps.get(appId)?.requestUrl, delivery)
        const { body, headers = {}, ...rest } = outcome
        yield* journal.append({
          _tag: "Push",
          at,
          endedAt: yield* Clock.currentTimeMillis,
          appId,
          ...label,
          tenantKey: label.tenantKey && mask.name(label.tenantKey),
          ...rest,
          sent: { headers: mask.headers(delivery.headers), text: mask.text(delivery.text) },
          received: rest.status === undefined ? undefined : { headers: mask.headers(headers), text: mask.text(body) }
        })
        return { ...rest, body }
      })
  }
}
