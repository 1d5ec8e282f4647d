/**
 * The errors of the emulator, each with a sentence that says what to do.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * An option or a rule that is wrong, or that can never apply.
 *
 * @since 0.1.0
 * @category errors
 */
export class OptionsError extends Schema.TaggedError<OptionsError>("@effect-feishu/emulator/OptionsError")(
  "OptionsError",
  {
    /** The name of the option. */
    option: Schema.String,
    description: Schema.String
  }
) {
  /**
   * @since 0.1.0
   */
  override get message(): string {
    return `The emulator's ${this.option}: ${this.description}`
  }
}

/**
 * @since 0.1.0
 * @category errors
 */
export class UnknownApp extends Schema.TaggedError<UnknownApp>("@effect-feishu/emulator/UnknownApp")("UnknownApp", {
  appId: Schema.String
}) {
  /**
   * @since 0.1.0
   */
  override get message(): string {
    return `The emulator has no app ${this.appId}: add the app to the options, with setApp, or by PUT /_emulator/apps/${this.appId}`
  }
}

/**
 * A request URL cannot be saved, because the handshake failed.
 *
 * @since 0.1.0
 * @category errors
 */
export class RequestUrlError extends Schema.TaggedError<RequestUrlError>("@effect-feishu/emulator/RequestUrlError")(
  "RequestUrlError",
  { appId: Schema.String, reason: Schema.String }
) {
  /**
   * @since 0.1.0
   */
  override get message(): string {
    return `The request URL of ${this.appId} cannot be saved: ${this.reason}`
  }
}

/**
 * A callback was not answered, so the user sees an error.
 *
 * @since 0.1.0
 * @category errors
 */
export class CallbackError extends Schema.TaggedError<CallbackError>("@effect-feishu/emulator/CallbackError")(
  "CallbackError",
  { appId: Schema.String, type: Schema.String, reason: Schema.String }
) {
  /**
   * @since 0.1.0
   */
  override get message(): string {
    return `The user of ${this.appId} sees an error in place of the answer to ${this.type}: ${this.reason}`
  }
}

/**
 * The port cannot be listened on.
 *
 * @since 0.1.0
 * @category errors
 */
export class ServerError extends Schema.TaggedError<ServerError>("@effect-feishu/emulator/ServerError")("ServerError", {
  host: Schema.String,
  port: Schema.Number,
  cause: Schema.Defect
}) {
  /**
   * @since 0.1.0
   */
  override get message(): string {
    return `The emulator cannot listen on port ${this.port} of ${this.host}: choose another, or 0 for any free one (${this.cause})`
  }
}

/**
 * The app gets no ticket.
 *
 * @since 0.1.0
 * @category errors
 */
export class NoTicket extends Schema.TaggedError<NoTicket>("@effect-feishu/emulator/NoTicket")("NoTicket", {
  appId: Schema.String
}) {
  /**
   * @since 0.1.0
   */
  override get message(): string {
    return `${this.appId} gets no ticket: only a store app that is enabled does`
  }
}
