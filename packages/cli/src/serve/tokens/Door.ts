/** The listener of the token service: admits a request, and then answers the request from memory or by the endpoints. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import type * as Http from "node:http"
import * as Admission from "./Admission.js"
import * as ApiListener from "./ApiListener.js"
import * as Body from "./Body.js"
import type { Parts } from "./Handlers.js"
import type { Keys } from "./Keys.js"
import * as MemoryTokens from "./MemoryTokens.js"
import { internalError } from "./TokenErrors.js"

export interface Options extends Parts {
  readonly keys: Keys
  /** `false`: the endpoints answer every request, for tests and measurements. Default: `true`. */
  readonly fromMemory?: boolean | undefined
}

interface Refusal {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly error: { readonly _tag: string; readonly message: string }
}

const refuse = (response: Http.ServerResponse, { error, headers, status }: Refusal): void => {
  const body = JSON.stringify({ error })
  response.writeHead(status, {
    "cache-control": "no-store",
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    ...headers
  })
  response.end(body)
}

const tooLong: Refusal = {
  status: 400,
  // The rest of the body must not be taken for the next request.
  headers: { connection: "close" },
  error: Body.tooLong
}

const failed: Refusal = {
  status: 500,
  error: internalError
}

/** The only path that needs no key. */
const isHealth = ({ url = "" }: Http.IncomingMessage): boolean => url === "/healthz" || url.startsWith("/healthz?")

export const make = (options: Options): Effect.Effect<Http.RequestListener, never, Scope.Scope> =>
  Effect.gen(function*() {
    const admission = yield* Admission.make(options.keys)
    const answerByApi = yield* ApiListener.make(options)
    const answerFromMemory = options.fromMemory === false ? () => false : yield* MemoryTokens.make(options)
    const run = Runtime.runFork(yield* Effect.runtime<never>())

    const answer: Http.RequestListener = (request, response) => {
      if (isHealth(request)) {
        const refusal = admission.refusalWithoutKey(request)
        if (refusal === undefined) answerByApi(request, response, undefined)
        else refuse(response, refusal)
        return
      }
      const admitted = admission.admit(request)
      if (Either.isLeft(admitted)) refuse(response, admitted.left)
      else if (Number(request.headers["content-length"] ?? 0) > Body.longest) refuse(response, tooLong)
      else if (!answerFromMemory(request, response, admitted.right)) answerByApi(request, response, admitted.right)
    }

    return (request, response) => {
      try {
        answer(request, response)
      } catch (error) {
        // An error in a listener of Node would end the process.
        run(Effect.logError("a request to the token service met with an error of this program's", Cause.die(error)))
        if (response.headersSent) response.destroy()
        else refuse(response, failed)
      }
    }
  })
