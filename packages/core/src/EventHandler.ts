/**
 * What a service does about an event, other than the ticket's, which this library takes itself.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import type { FeishuEvent } from "./FeishuEvent.js"

/**
 * Success acknowledges the event. A failure, or the end of the time limit, makes the platform push it again.
 *
 * @since 0.1.0
 * @category models
 */
export interface EventHandler<out R = never> {
  /** The type of event that it is for; undefined for every type that no other handler is for. */
  readonly type: string | undefined
  readonly handle: (event: FeishuEvent) => Effect.Effect<unknown, unknown, R>
}

/**
 * For one type of event. With a schema, the payload is decoded first; one that does not fit is a failure.
 *
 * @since 0.1.0
 * @category constructors
 */
export const on: {
  /**
   * For one type of event. With a schema, the payload is decoded first; one that does not fit is a failure.
   *
   * @since 0.1.0
   * @category constructors
   */
  <X, E, R>(type: string, handle: (event: FeishuEvent) => Effect.Effect<X, E, R>): EventHandler<R>
  /**
   * For one type of event. With a schema, the payload is decoded first; one that does not fit is a failure.
   *
   * @since 0.1.0
   * @category constructors
   */
  <A, I, R1, X, E, R2>(
    type: string,
    payload: Schema.Schema<A, I, R1>,
    handle: (event: FeishuEvent<A>) => Effect.Effect<X, E, R2>
  ): EventHandler<R1 | R2>
} = <A, I, R1, R2>(
  ...[type, ...rest]:
    | [type: string, handle: (event: FeishuEvent) => Effect.Effect<unknown, unknown, R2>]
    | [
      type: string,
      payload: Schema.Schema<A, I, R1>,
      handle: (event: FeishuEvent<A>) => Effect.Effect<unknown, unknown, R2>
    ]
): EventHandler<R1 | R2> => {
  if (rest.length === 1) return { type, handle: rest[0] }
  const [payload, handle] = rest
  const decode = Schema.decodeUnknown(payload, { errors: "all" })
  return {
    type,
    handle: (event): Effect.Effect<unknown, unknown | ParseResult.ParseError, R1 | R2> =>
      Effect.flatMap(decode(event.payload), (payload) => handle({ ...event, payload }))
  }
}

/**
 * For every type of event that no other handler is for.
 *
 * @since 0.1.0
 * @category constructors
 */
export const all = <X, E, R>(handle: (event: FeishuEvent) => Effect.Effect<X, E, R>): EventHandler<R> => ({
  type: undefined,
  handle
})
