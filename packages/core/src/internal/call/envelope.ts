/** Opens the platform's envelope `{ code, msg, data?, error? }`. */
import * as Either from "effect/Either"
import { FeishuApiError, type FeishuError } from "../../FeishuError.js"
import { isObject, type Json } from "../isObject.js"
import * as Failure from "./failure.js"
import { retryAfter } from "./retryAfter.js"

// A field of an unexpected type counts as absent, because the `code` beside the field matters more.

const textOf = (value: unknown): string | undefined => typeof value === "string" ? value : undefined

const objectsOf = (value: unknown): ReadonlyArray<Json> => Array.isArray(value) ? value.filter(isObject) : []

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Returns `false` for JSON that was cut off. */
export const isJson = (text: string): boolean => parse(text) !== undefined

const describeBody = (headers: Failure.Head["headers"], body: string): string => {
  const contentType = headers["content-type"] ?? "no content type"
  return body === "" ? `an empty body (${contentType})` : `${contentType}, ${body.length} characters`
}

const refusal = (target: Failure.Target, head: Failure.Head, json: Json, code: number) => {
  const masked = (value: unknown): string | undefined => {
    const text = textOf(value)
    return text === undefined ? undefined : target.mask(text)
  }
  const error = isObject(json["error"]) ? json["error"] : {}
  return new FeishuApiError({
    code,
    msg: masked(json["msg"]) ?? "",
    status: head.status,
    method: target.method,
    url: target.url,
    logId: masked(head.headers["x-tt-logid"] ?? head.headers["x-request-id"] ?? error["log_id"]),
    retryAfter: retryAfter(head.headers, head.now),
    troubleshooter: masked(error["troubleshooter"]),
    helps: objectsOf(error["helps"]).flatMap((help) => {
      const url = masked(help["url"])
      return url === undefined ? [] : [{ url, description: masked(help["description"]) }]
    }),
    permissionViolations: objectsOf(error["permission_violations"]).flatMap((violation) => {
      const subject = masked(violation["subject"])
      return subject === undefined ? [] : [{ subject, type: masked(violation["type"]) }]
    })
  })
}

/** Returns the JSON of an answer with `code: 0`. Any other answer is an error. */
export const open = (
  target: Failure.Target,
  head: Failure.Head,
  body: string
): Either.Either<unknown, FeishuError> => {
  const json = parse(body)
  const code = isObject(json) ? json["code"] : undefined
  if (!isObject(json) || typeof code !== "number" || !Number.isInteger(code)) {
    return Either.left(
      Failure.unusable(target, head, `the answer is not the platform's: ${describeBody(head.headers, body)}`)
    )
  }
  if (code !== 0) return Either.left(refusal(target, head, json, code))
  return head.status < 300
    ? Either.right(json)
    : Either.left(Failure.unusable(target, head, "the answer says success and its HTTP status says otherwise"))
}
