/** Hands a delivery on to another service: byte for byte, and within the time that the platform waits. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { networkInterfaces } from "node:os"
import { UsageError } from "../../Failure.js"
import { isLoopback } from "../../Loopback.js"
import * as Network from "../../Network.js"

/** The platform waits 3 s for an answer (page "事件概述"). The rest is for the way back. */
export const timeLimit: Duration.Duration = Duration.millis(2800)

/** The longest answer that is passed on, in bytes. */
const longestAnswer = 1_000_000

export type Headers = Readonly<Record<string, string>>

/** The answer of the target. */
export interface Answer {
  readonly status: number
  readonly contentType: string | undefined
  readonly body: Uint8Array
}

/** The target gave no answer that can be passed on. */
export class NoAnswer extends Data.TaggedError("NoAnswer")<{
  /** `Unreachable`: nothing was sent, or the connection broke. `Unusable`: the answer cannot be passed on. */
  readonly reason: "Unreachable" | "Late" | "Unusable"
  /** Continues a sentence that begins with the target. */
  readonly message: string
}> {}

/** The result of a hand-over. */
export interface HandedOn {
  readonly result: Either.Either<Answer, NoAnswer>
  readonly millis: number
}

const noAnswer = (reason: NoAnswer["reason"], message: string) => new NoAnswer({ reason, message })

/**
 * The headers that belong to one connection (RFC 9110 7.6.1), and those that the client sets for the new connection.
 * `accept-encoding` is left out so that the answer arrives as the bytes that the target wrote.
 */
const ofConnection: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "host",
  "content-length",
  "expect",
  "accept-encoding"
])

/** Returns the headers that go to the target. `connection` may name more headers that stay behind. */
const endToEnd = (headers: Headers): Headers => {
  const named = new Set((headers["connection"] ?? "").toLowerCase().split(",").map((name) => name.trim()))
  return {
    ...Object.fromEntries(Object.entries(headers).filter(([name]) => !ofConnection.has(name) && !named.has(name))),
    "accept-encoding": "identity"
  }
}

/** Returns the code of the first cause that has one. `fetch` refuses some ports with a message and no code. */
const codeOf = (error: unknown, depth = 0): string | undefined => {
  if (!(error instanceof Error) || depth > 8) return undefined
  const { code } = error as { readonly code?: unknown }
  return typeof code === "string" ? code : error.message === "bad port" ? error.message : codeOf(error.cause, depth + 1)
}

const sentences: Readonly<Record<string, string>> = {
  ECONNREFUSED: "refuses the connection: nothing listens there",
  ENOTFOUND: "has a host name that is not known",
  EAI_AGAIN: "has a host name that cannot be looked up now",
  ECONNRESET: "broke the connection off",
  UND_ERR_SOCKET: "broke the connection off",
  EPIPE: "broke the connection off",
  EHOSTUNREACH: "cannot be reached: there is no way to the host",
  ENETUNREACH: "cannot be reached: there is no way to the network",
  ETIMEDOUT: "cannot be reached: the connection takes too long",
  "bad port": "has a port of another protocol, which HTTP clients do not call: choose another port",
  UND_ERR_CONNECT_TIMEOUT: "cannot be reached: the connection takes too long"
}

const sentenceOf = (code: string): string =>
  sentences[code] ?? (/CERT|^UNABLE_TO_/.test(code)
    ? `has no certificate that this machine trusts (${code}): name its authority's certificate in NODE_EXTRA_CA_CERTS`
    : /SSL|TLS|EPROTO/.test(code)
    ? `does not speak TLS as an https:// URL does (${code})`
    : `cannot be reached (${code})`)

/** Says why nothing came back, without the request, whose headers and body may hold secrets. */
const unreachable = ({ cause }: HttpClientError.RequestError): NoAnswer => {
  const code = codeOf(cause)
  return noAnswer("Unreachable", code === undefined ? "cannot be reached" : sentenceOf(code))
}

const tooLong = noAnswer("Unusable", `gave an answer of more than ${longestAnswer} bytes`)
const brokeOff = noAnswer("Unusable", "gave an answer that broke off")

/** For example with the status 204. */
const isEmpty = (error: unknown): boolean =>
  error instanceof HttpClientError.ResponseError && error.reason === "EmptyBody"

const readAll = ({ stream }: HttpClientResponse.HttpClientResponse): Effect.Effect<Uint8Array, NoAnswer> =>
  stream.pipe(
    Stream.catchSome((error) => isEmpty(error) ? Option.some(Stream.empty) : Option.none()),
    Stream.mapError(() => brokeOff),
    Stream.runFoldEffect({ chunks: new Array<Uint8Array>(), length: 0 }, ({ chunks, length }, chunk) => {
      const sum = length + chunk.length
      if (sum > longestAnswer) return tooLong
      chunks.push(chunk)
      return Effect.succeed({ chunks, length: sum })
    }),
    Effect.map(({ chunks }) => new Uint8Array(Buffer.concat(chunks)))
  )

/** Returns a URL without its query, which may hold a secret. */
export const show = ({ origin, pathname }: URL): string => origin + pathname

/**
 * No source says whether the platform follows a redirect. The body would be lost on the way if the platform did not repeat the
 * `POST`, so a redirect counts as no answer, and the platform pushes again.
 */
const redirected = (url: URL, { headers, status }: HttpClientResponse.HttpClientResponse): NoAnswer => {
  const header = headers["location"]
  const location = header !== undefined && URL.canParse(header, url) ? show(new URL(header, url)) : undefined
  return noAnswer(
    "Unusable",
    `answered HTTP ${status}, a redirect${
      location === undefined ? "" : ` to ${location}`
    }, which is not followed: name the URL `
      + "that it leads to"
  )
}

/** Sends a delivery. Follows no redirect. */
const post = (client: HttpClient.HttpClient, url: URL, headers: Headers, body: Uint8Array) =>
  HttpClient.withTracerPropagation(client, false).execute(
    HttpClientRequest.post(url).pipe(
      HttpClientRequest.bodyUint8Array(body, headers["content-type"] ?? "application/json"),
      HttpClientRequest.setHeaders(endToEnd(headers))
    )
  ).pipe(
    Effect.catchTags({
      RequestError: (error) => unreachable(error),
      ResponseError: () => brokeOff
    }),
    Effect.flatMap((response) =>
      // The body of a redirect is read, too, because the connection is used again only after its answer has been read.
      Effect.flatMap(readAll(response), (body): Effect.Effect<Answer, NoAnswer> =>
        response.status >= 300 && response.status < 400
          ? redirected(url, response)
          : Effect.succeed({ status: response.status, contentType: response.headers["content-type"], body }))
    )
  )

/**
 * Sends a delivery to the target, and reads the answer. Is not interrupted half way, because the target may have begun to
 * handle the event; ends after `within`.
 */
export const send = ({ body, client, headers, url, within }: {
  readonly client: HttpClient.HttpClient
  readonly url: URL
  /** With lower-case names. The headers of a connection are left out. */
  readonly headers: Headers
  readonly body: Uint8Array
  readonly within: Duration.Duration
}): Effect.Effect<HandedOn> =>
  Effect.gen(function*() {
    const since = yield* Clock.currentTimeMillis
    const sending = yield* post(client, url, headers, body).pipe(
      Effect.timeoutFail({
        duration: within,
        onTimeout: () => noAnswer("Late", `gave no answer within ${(Duration.toMillis(within) / 1000).toFixed(1)} s`)
      }),
      Effect.either,
      // A time limit in a region that cannot be interrupted would be interrupted itself, so the limit has a fiber of its own.
      Effect.interruptible,
      Effect.forkDaemon
    )
    const result = yield* Fiber.join(sending)
    return { result, millis: (yield* Clock.currentTimeMillis) - since }
  }).pipe(Effect.uninterruptible)

const wrong = (option: string, problem: string) => new UsageError({ message: `${option} ${problem}` })

/** The address of `serve`. */
export interface Own {
  readonly port: number
  /** `None`: all addresses of this machine. */
  readonly host: Option.Option<string>
}

const withoutBrackets = (host: string): string => host.toLowerCase().replace(/^\[|\]$/g, "")

const isWildcard = (host: string): boolean => host === "0.0.0.0" || host === "::"

const isOfThisMachine = (host: string): boolean =>
  isLoopback(host) || isWildcard(host)
  || Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === host))

const portOf = ({ port, protocol }: URL): number => port === "" ? protocol === "https:" ? 443 : 80 : Number(port)

const isOwn = (url: URL, own: Own): boolean => {
  if (own.port === 0 || portOf(url) !== own.port) return false
  const host = withoutBrackets(url.hostname)
  const listening = Option.map(own.host, withoutBrackets)
  if (Option.isNone(listening) || isWildcard(listening.value)) return isOfThisMachine(host)
  return host === listening.value || (isLoopback(host) && (host === "localhost" || listening.value === "localhost"))
}

/**
 * Checks the URL of a target, which `option` names. `own`: the address of `serve`, which cannot be its own target. Fails also if
 * the proxy of the environment cannot be used.
 */
export const target = (option: string, text: string, own?: Own): Effect.Effect<URL, UsageError> =>
  Effect.gen(function*() {
    const url = URL.canParse(text) ? new URL(text) : undefined
    if (url === undefined || !/^https?:$/.test(url.protocol)) {
      return yield* wrong(option, "must be an http:// or https:// URL, for example http://localhost:8080/webhook/event")
    }
    if (url.username !== "" || url.password !== "") {
      return yield* wrong(option, "holds a user name or a password, which others on this machine could see (ps)")
    }
    if (own !== undefined && isOwn(url, own)) {
      return yield* wrong(option, "is the address of serve itself: name the URL of the service that handles the events")
    }
    yield* Network.checkFor(url.href)
    url.hash = ""
    return url
  })
