/** The answers that a test, or a file, gives in place of the platform's empty success. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import type { AnsweredCall, CannedAnswer } from "../../App.js"
import { bodyOf, type Request } from "./exchange.js"
import { matches } from "./paths.js"

interface Answer {
  readonly status: number
  readonly body: unknown
}

export interface Answers {
  readonly set: (answers: ReadonlyArray<CannedAnswer>) => void
  /** Comes before the answers that were added earlier. */
  readonly add: (answer: CannedAnswer) => void
  readonly list: () => ReadonlyArray<CannedAnswer>
  /** Returns the answer to a request. `undefined` if there is none. */
  readonly find: (request: Request) => Answer | undefined
}

/** Refuses what JSON would show as an object without fields. */
function refuseUnfinished(this: unknown, key: string, json: unknown): unknown {
  const value = (this as Readonly<Record<string, unknown>>)[key]
  if (Effect.isEffect(value)) throw new Error("an Effect has no value yet")
  if (Predicate.isPromiseLike(value)) throw new Error("a promise has no value yet")
  return json
}

/** Returns why a body cannot be sent as JSON, or `undefined` if it can. */
export const flawOfBody = (body: unknown): string | undefined =>
  Either.match(Either.try({ try: () => JSON.stringify(body, refuseUnfinished), catch: String }), {
    onLeft: (thrown) => `no JSON (${thrown})`,
    onRight: () => undefined
  })

/** Fails with the reason if the function throws, or if JSON does not have what the function returns. */
const computeBody = (
  compute: NonNullable<CannedAnswer["compute"]>,
  call: AnsweredCall
): Either.Either<unknown, string> =>
  Either.flatMap(
    Either.try({ try: () => compute(call), catch: (thrown) => `the function has thrown ${thrown}` }),
    (body) => {
      const flaw = flawOfBody(body)
      return flaw === undefined ? Either.right(body) : Either.left(`the function has returned ${flaw}`)
    }
  )

/** Is not retried by a client: HTTP 400 with a code that the platform does not have. */
const failure = (path: string, reason: string): Answer => ({
  status: 400,
  body: { code: -1, msg: `The emulator's answer to ${path}: ${reason}` }
})

export const make = (initial: ReadonlyArray<CannedAnswer>): Answers => {
  let answers = initial
  return {
    set: (given) => {
      answers = given
    },
    add: (answer) => {
      answers = [answer, ...answers]
    },
    list: () => answers,
    find: (request) => {
      const found = answers.find(({ method, path }) =>
        (method === undefined || method === request.method) && matches(path, request.path)
      )
      if (found === undefined) return undefined
      const { body, compute, status = 200 } = found
      const { method, path, query } = request
      if (compute === undefined) return { status, body }
      return Either.match(computeBody(compute, { method, path, query, body: bodyOf(request) }), {
        onLeft: (reason) => failure(found.path, reason),
        onRight: (body) => ({ status, body })
      })
    }
  }
}
