/** The file of a delivery that `serve` has saved and `replay` sends again. */
import type * as FileSystem from "@effect/platform/FileSystem"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import { isUtf8 } from "node:buffer"
import * as Configuration from "../../Configuration.js"
import { UsageError } from "../../Failure.js"

/** A delivery as it is kept. The headers and the body may hold secrets, for example the verification token. */
export interface Saved {
  /** In milliseconds since 1970. */
  readonly receivedAt: number
  readonly appId: string
  readonly kind: string
  readonly type: string
  readonly id: string
  /** With lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** Returns the text of a file. A body that is no UTF-8 is in base64, because every byte counts for the signature. */
export const textOf = ({ body, receivedAt, ...rest }: Saved): string => {
  const bytes = Buffer.from(body)
  const file = {
    receivedAt: DateTime.formatIso(DateTime.unsafeMake(receivedAt)),
    ...rest,
    ...(isUtf8(bytes) ? { body: bytes.toString("utf8") } : { bodyBase64: bytes.toString("base64") })
  }
  return `${JSON.stringify(file, undefined, 2)}\n`
}

type Fields = Readonly<Record<string, unknown>>

const isHeaders = (value: unknown): value is Saved["headers"] =>
  Predicate.isRecord(value)
  && Object.entries(value).every(([name, header]) =>
    /^[!#$%&'*+.^_`|~\w-]+$/.test(name) && typeof header === "string" && /^[\t\x20-\x7e\x80-\xff]*$/.test(header)
  )

/** Returns the bytes of the body, or `undefined` unless exactly one field holds the body. */
const bodyOf = ({ body, bodyBase64 }: Fields): Uint8Array | undefined =>
  typeof body === "string" && bodyBase64 === undefined
    ? Buffer.from(body)
    : typeof bodyBase64 === "string" && body === undefined
    ? Buffer.from(bodyBase64, "base64")
    : undefined

/** Returns the delivery, or the name of the field that is wrong. The value may be a secret. */
const decode = (json: unknown): Either.Either<Saved, string> => {
  if (!Predicate.isRecord(json)) return Either.left("no JSON object")
  const { appId, headers, id, kind, receivedAt, type } = json
  const time = typeof receivedAt === "string" ? DateTime.make(receivedAt) : Option.none()
  const body = bodyOf(json)
  if (Option.isNone(time)) return Either.left("receivedAt is no time")
  if (typeof appId !== "string" || typeof kind !== "string" || typeof type !== "string" || typeof id !== "string") {
    return Either.left("appId, kind, type and id must be texts")
  }
  if (!isHeaders(headers)) return Either.left("headers must be an object of texts that HTTP can carry")
  if (body === undefined) return Either.left("it must have either body or bodyBase64")
  return Either.right({ receivedAt: DateTime.toEpochMillis(time.value), appId, kind, type, id, headers, body })
}

/** Reads a file. */
export const read = (path: string): Effect.Effect<Saved, UsageError, FileSystem.FileSystem> =>
  Effect.flatMap(Configuration.readFile(path, path), (text) =>
    Either.try((): unknown => JSON.parse(text)).pipe(
      Either.mapLeft(() => "no JSON"),
      Either.flatMap(decode),
      Either.mapLeft((flaw) => new UsageError({ message: `${path} is no delivery that serve has saved: ${flaw}` }))
    ))
