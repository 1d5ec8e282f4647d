/** The answers that a test, or a file, gives in place of the platform's empty success. */
import type { CannedAnswer } from "../../App.js"
import { bodyOf, type Request } from "./exchange.js"

export interface Answers {
  readonly set: (answers: ReadonlyArray<CannedAnswer>) => void
  /** Comes before the answers that were added earlier. */
  readonly add: (answer: CannedAnswer) => void
  readonly list: () => ReadonlyArray<CannedAnswer>
  /** Returns the answer to a request. `undefined` if there is none. */
  readonly find: (request: Request) => { readonly status: number; readonly body: unknown } | undefined
}

/** Matches a path segment by segment: `:message_id` stands for any segment. */
const matches = (pattern: string, path: string): boolean => {
  const expected = pattern.split("/")
  const actual = path.split("/")
  return expected.length === actual.length
    && expected.every((segment, i) => segment.startsWith(":") ? actual[i] !== "" : segment === actual[i])
}

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
      return { status, body: compute === undefined ? body : compute({ method, path, query, body: bodyOf(request) }) }
    }
  }
}
