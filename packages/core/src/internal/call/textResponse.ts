import * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as HttpIncomingMessage from "@effect/platform/HttpIncomingMessage"
import * as Effect from "effect/Effect"
import * as Inspectable from "effect/Inspectable"

type Response = HttpClientResponse.HttpClientResponse

/** A response whose body has been read into memory, and can be read again in any way. */
export class TextResponse extends Inspectable.Class implements Response {
  readonly [HttpIncomingMessage.TypeId]: HttpIncomingMessage.TypeId = HttpIncomingMessage.TypeId
  readonly [HttpClientResponse.TypeId]: HttpClientResponse.TypeId = HttpClientResponse.TypeId

  constructor(
    readonly original: Response,
    readonly headers: Response["headers"],
    readonly body: string
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

  get text() {
    return Effect.succeed(this.body)
  }

  get json(): Effect.Effect<unknown, HttpClientError.ResponseError> {
    return Effect.try({
      try: (): unknown => this.body === "" ? null : JSON.parse(this.body),
      catch: (cause) =>
        new HttpClientError.ResponseError({ request: this.request, response: this, reason: "Decode", cause })
    })
  }

  get urlParamsBody() {
    return this.asWeb().urlParamsBody
  }

  get formData() {
    return this.asWeb().formData
  }

  get arrayBuffer() {
    return this.asWeb().arrayBuffer
  }

  get stream() {
    return this.asWeb().stream
  }

  private asWeb() {
    const contentType = this.headers["content-type"]
    const headers = contentType === undefined ? {} : { "content-type": contentType }
    return HttpClientResponse.fromWeb(this.request, new globalThis.Response(this.body, { headers }))
  }

  toJSON(): unknown {
    return this.original.toJSON()
  }
}
