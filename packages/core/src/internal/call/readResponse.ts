import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import type * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import type { FeishuError } from "../../FeishuError.js"
import type { Head } from "./failure.js"
import { TextResponse } from "./textResponse.js"

/** A response whose body was read and whose envelope was opened. */
export class ReadResponse extends TextResponse {
  constructor(
    original: HttpClientResponse.HttpClientResponse,
    readonly head: Head,
    readonly body: string,
    /** The parsed body if the platform says `code: 0`, else what is wrong with the answer. */
    readonly result: Either.Either<unknown, FeishuError>
  ) {
    super(original, head.headers, Exit.succeed(body))
  }
}
