/** Reads the bodies of requests to the token service. Effect's own reader disconnects from a client whose body is too long. */
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import * as HttpApp from "@effect/platform/HttpApp"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Http from "node:http"
import { RefusedToken, sentenceOf } from "./TokenApi.js"
import { BadRequest } from "./TokenErrors.js"

/** In bytes. */
export const longest = 16 * 1024

export const tooLong = new BadRequest({ message: `The body is longer than ${longest} bytes` })

const doesNotFit = new BadRequest({ message: sentenceOf(undefined) })

/** The longest time for which the rest of a body is discarded. A connection that is closed at once loses the answer. */
const lingering = "1 second"

const refuseLong = (request: Http.IncomingMessage): Effect.Effect<never, BadRequest> =>
  Effect.async<void>((resume) => void request.once("close", () => resume(Effect.void))).pipe(
    Effect.timeoutOption(lingering),
    // The rest of the body must not be taken for the next request.
    Effect.andThen(
      HttpApp.appendPreResponseHandler((_, response) =>
        Effect.succeed(HttpServerResponse.setHeader(response, "connection", "close"))
      )
    ),
    Effect.andThen(tooLong)
  )

const read = (request: Http.IncomingMessage): Effect.Effect<string, BadRequest> =>
  Effect.async((resume) => {
    const chunks: Array<Buffer> = []
    let length = 0
    request.on("data", (chunk: Buffer) => {
      length += chunk.length
      if (length <= longest) chunks.push(chunk)
      else resume(refuseLong(request))
    })
    request.once("end", () => resume(Effect.succeed(Buffer.concat(chunks).toString())))
    // The client may have disconnected before.
    request.once("close", () => resume(doesNotFit))
    // Without a listener, an error would end the process.
    request.once("error", () => resume(doesNotFit))
  })

const decode = Schema.decode(Schema.parseJson(RefusedToken))

/** The token in the body of the request. */
export const refusedToken = Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => {
  const { "content-type": contentType = "application/json" } = request.headers
  return contentType.toLowerCase().includes("application/json")
    ? read(NodeHttpServerRequest.toIncomingMessage(request)).pipe(
      Effect.flatMap(decode),
      Effect.catchTag("ParseError", () => doesNotFit),
      Effect.map(({ token }) => token)
    )
    : doesNotFit
})
