/** Opens the platform's envelope `{ code, msg, data?, error? }`. */
import { filterMap } from "effect/Array"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import { hasProperty } from "effect/Predicate"
import * as Schema from "effect/Schema"
import { FeishuApiError, type FeishuError, HelpLink, PermissionViolation } from "../../FeishuError.js"
import * as Failure from "./failure.js"
import { retryAfter } from "./retryAfter.js"

/** A field of an unexpected type counts as absent, so that it does not hide the `code` beside it. */
const lenient = <A, I>(schema: Schema.Schema<A, I>) =>
  Schema.optional(
    Schema.UndefinedOr(schema).annotations({ decodingFallback: () => Either.right(undefined) })
  )

const decodeRefusal = Schema.decodeUnknownOption(Schema.Struct({
  code: Schema.Int,
  msg: lenient(Schema.String),
  error: lenient(Schema.Struct({
    log_id: lenient(Schema.String),
    troubleshooter: lenient(Schema.String),
    helps: lenient(Schema.Array(Schema.Unknown)),
    permission_violations: lenient(Schema.Array(Schema.Unknown))
  }))
}))

const decodeHelpLink = Schema.decodeUnknownOption(
  Schema.Struct({ ...HelpLink.fields, description: lenient(Schema.String) })
)

const decodePermissionViolation = Schema.decodeUnknownOption(
  Schema.Struct({ ...PermissionViolation.fields, type: lenient(Schema.String) })
)

const parse = (text: string): Option.Option<unknown> => {
  try {
    return Option.some(JSON.parse(text))
  } catch {
    return Option.none()
  }
}

const isSuccess = (json: Option.Option<unknown>): json is Option.Some<unknown> =>
  Option.isSome(json) && hasProperty(json.value, "code") && json.value.code === 0

const describeBody = (headers: Failure.Head["headers"], body: string): string => {
  const contentType = headers["content-type"] ?? "no content type"
  return body === "" ? `an empty body (${contentType})` : `${contentType}, ${body.length} characters`
}

const refusal = (
  target: Failure.Target,
  head: Failure.Head,
  { code, error = {}, msg = "" }: Option.Option.Value<ReturnType<typeof decodeRefusal>>
) => {
  const { mask } = target
  const logId = head.headers["x-tt-logid"] ?? head.headers["x-request-id"] ?? error.log_id
  const { helps = [], permission_violations: violations = [], troubleshooter } = error
  return new FeishuApiError({
    code,
    msg: mask(msg),
    status: head.status,
    method: target.method,
    url: target.url,
    logId: logId && mask(logId),
    retryAfter: retryAfter(head.headers, head.now),
    troubleshooter: troubleshooter && mask(troubleshooter),
    helps: filterMap(helps, (help) => decodeHelpLink(help)).map(({ description, url }) => ({
      url: mask(url),
      description: description && mask(description)
    })),
    permissionViolations: filterMap(violations, (violation) => decodePermissionViolation(violation)).map(
      ({ subject, type }) => ({ subject: mask(subject), type: type && mask(type) })
    )
  })
}

/** Returns the JSON of an answer that says `code: 0`, or what is wrong with the answer. */
export const open = (
  target: Failure.Target,
  head: Failure.Head,
  body: string
): Either.Either<unknown, FeishuError> => {
  const json = parse(body)
  if (isSuccess(json)) {
    return head.status < 300
      ? Either.right(json.value)
      : Either.left(Failure.unusable(target, head, "the answer says success and its HTTP status says otherwise"))
  }
  return Either.left(Option.match(Option.flatMap(json, decodeRefusal), {
    onSome: (refused) => refusal(target, head, refused),
    onNone: () =>
      Failure.unusable(target, head, `the answer is not the platform's: ${describeBody(head.headers, body)}`)
  }))
}

/** The platform's code, if the answer is the platform's. */
export const codeOf = (result: Either.Either<unknown, FeishuError>): number | undefined =>
  Either.match(result, {
    onRight: () => 0,
    onLeft: (error) => error._tag === "FeishuApiError" ? error.code : undefined
  })

/** Names the fields that are wrong. Leaves out their values, which may be tokens. */
export const describeIssue = (error: ParseResult.ParseError, at: ReadonlyArray<string> = []): string =>
  ParseResult.ArrayFormatter.formatErrorSync(error)
    .map((issue) => `${issue._tag === "Missing" ? "missing" : "unexpected"} "${[...at, ...issue.path].join(".")}"`)
    .join(", ")
