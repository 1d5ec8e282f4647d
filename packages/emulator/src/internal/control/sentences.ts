/** Gives each refusal of an endpoint a sentence that says what is wrong. */
import * as OpenApi from "@effect/platform/OpenApi"
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { ControlApi, flawsOf } from "../../ControlApi.js"
import { CallbackError, NoTicket, OptionsError, RequestUrlError, UnknownApp } from "../../EmulatorError.js"

const decodeError = Schema.decodeUnknownEither(
  Schema.Union(UnknownApp, NoTicket, RequestUrlError, CallbackError, OptionsError)
)

const Issues = Schema.Struct({
  _tag: Schema.Literal("HttpApiDecodeError"),
  issues: Schema.NonEmptyArray(
    Schema.Struct({ path: Schema.Array(Schema.Union(Schema.String, Schema.Number)), message: Schema.String })
  )
})

const decodeIssues = Schema.decodeUnknownEither(Issues)

const readOperations = () =>
  Object.entries(OpenApi.fromApi(ControlApi).paths).map(([path, methods]) => ({
    pattern: new RegExp(`^${path.replace(/\{[^}]+\}/g, "[^/]+")}$`),
    methods: Object.keys(methods).map((method) => method.toUpperCase())
  }))

/** Says with which methods a path exists. Returns `undefined` if the path does not exist. */
const otherMethods = (method: string, path: string): string | undefined => {
  const found = readOperations().find(({ pattern }) => pattern.test(path))
  return found && `${path} does not take ${method}: use ${found.methods.join(" or ")}`
}

const sentenceOf = (status: number, json: unknown, request: Request): string | undefined => {
  const issues = decodeIssues(json)
  if (Either.isRight(issues)) return flawsOf(issues.right.issues).join("; or ")
  const error = decodeError(json)
  if (Either.isRight(error)) return error.right.message
  const { method, url } = request
  const path = new URL(url).pathname
  return status === 404
    ? path.startsWith("/_emulator/journal/")
      ? "The journal has no such entry: it may have been cleared, or the entry is older than the newest 100,000"
      : otherMethods(method, path) ?? `${method} ${path} does not exist: /_emulator/openapi.json lists what does`
    : status === 400
    ? "The body is no JSON, or not what this endpoint takes: /_emulator/openapi.json says what it takes"
    : undefined
}

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Adds the field `message` to the JSON of a refusal. */
export const withSentence = async (request: Request, response: Response): Promise<Response> => {
  const { status } = response
  if (status < 400) return response
  const json = parse(await response.text())
  const message = sentenceOf(status, json, request)
  const fields = Predicate.isRecord(json) ? json : status === 404 ? { _tag: "NotFound" } : {}
  return Response.json({ ...fields, ...(message !== undefined && { message }) }, { status })
}
