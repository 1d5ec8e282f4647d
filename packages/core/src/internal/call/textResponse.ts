import * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as HttpIncomingMessage from "@effect/platform/HttpIncomingMessage"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Inspectable from "effect/Inspectable"
import * as Stream from "effect/Stream"

type Response = HttpClientResponse.HttpClientResponse

/** A response whose body has been read into memory, and can be read again in any way. */
export class TextResponse extends Inspectable.Class implements Response {
  readonly [HttpIncomingMessage.TypeId]: HttpIncomingMessage.TypeId = HttpIncomingMessage.TypeId
  readonly [HttpClientResponse.TypeId]: HttpClientResponse.TypeId = HttpClientResponse.TypeId

  constructor(
    readonly original: Response,
    readonly headers: Response["headers"],
    /** The body, or the error that broke it off. */
    readonly text: Exit.Exit<string, HttpClientError.ResponseError>
  ) {
    super()
  }

  get request() {
    return this.original.request
  }

  get status() {
    return this.original.status
  }

  get cookies() {
    return this.original.cookies
  }

  get remoteAddress() {
    return this.original.remoteAddress
  }

  get json(): Effect.Effect<unknown, HttpClientError.ResponseError> {
    return Effect.tryMap(this.text, {
      try: (text): unknown => text === "" ? null : JSON.parse(text),
      catch: (cause) =>
        new HttpClientError.ResponseError({ request: this.request, response: this, reason: "Decode", cause })
    })
  }

  get urlParamsBody() {
    return Effect.flatMap(this.asWeb, ({ urlParamsBody }) => urlParamsBody)
  }

  get formData() {
    return Effect.flatMap(this.asWeb, ({ formData }) => formData)
  }

  get arrayBuffer() {
    return Effect.flatMap(this.asWeb, ({ arrayBuffer }) => arrayBuffer)
  }

  get stream() {
    return Stream.unwrap(Effect.map(this.asWeb, ({ stream }) => stream))
  }

  private get asWeb(): Effect.Effect<Response, HttpClientError.ResponseError> {
    const contentType = this.headers["content-type"]
    const headers = contentType === undefined ? {} : { "content-type": contentType }
    return Effect.map(
      this.text,
      (text) => HttpClientResponse.fromWeb(this.request, new globalThis.Response(text, { headers }))
    )
  }

  toJSON(): unknown {
    return this.original.toJSON()
  }
}
