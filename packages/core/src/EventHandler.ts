/**
 * Handles events and callbacks other than the ticket's event, which this library handles itself.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { FeishuEvent } from "./FeishuEvent.js"
import type { CallbackDefinition, Definition } from "./FeishuEvents.js"
import { keyOf } from "./internal/webhook/eventKeys.js"
import * as Misfit from "./internal/webhook/misfit.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface EventHandler<out R = never> {
  /** The type of the events. `undefined` for every type that no other handler has. */
  readonly type: string | undefined
  /** `true` if `handle` returns an answer for a user who waits. */
  readonly isCallback: boolean
  /** Names what the event is about. Two events with one key are handled once. `undefined`: the id of the event. */
  readonly key: (event: FeishuEvent) => string | undefined
  readonly handle: (event: FeishuEvent) => Effect.Effect<unknown, unknown, R>
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * Names what the event is about. Two events of the type with one key are handled once. Default: the id of the event, and
   * the id of the message for `im.message.receive_v1`, which may come twice with different ids of the event.
   */
  readonly key?: ((event: FeishuEvent) => string | undefined) | undefined
}

/** Decodes the payload before `handle` runs. */
const decoded = <A, I, R1, X, E, R2>(
  payload: Schema.Schema<A, I, R1>,
  handle: (event: FeishuEvent<A>) => Effect.Effect<X, E, R2>
): (event: FeishuEvent) => Effect.Effect<X, E | Misfit.Misfit, R1 | R2> => {
  const decode = Schema.decodeUnknown(payload, { errors: "all" })
  return (event) =>
    decode(event.payload).pipe(
      Effect.mapError((error) => Misfit.make("the payload", error)),
      Effect.flatMap((payload) => handle({ ...event, payload }))
    )
}

const withType = (key: (event: FeishuEvent) => string | undefined) => (event: FeishuEvent) => {
  const name = key(event)
  // An empty name would make one event of all.
  return name === undefined || name === "" ? undefined : `${event.type}/${name}`
}

type Handle<Event, R> = (event: Event) => Effect.Effect<unknown, unknown, R>

/** Decodes a payload once, for `key` and for `handle`. A payload that does not fit has no key, and fails in `handle`. */
const ofDefinition = <A, I, R>(
  { key, payload }: Definition<A, I>,
  handle: Handle<FeishuEvent<A>, R>
): Pick<EventHandler<R>, "key" | "handle"> => {
  const decodeAndHandle = decoded(payload, handle)
  if (key === undefined) return { key: keyOf, handle: decodeAndHandle }
  const decode = Schema.decodeUnknownOption(payload)
  /** The payloads that `key` has decoded. */
  const payloads = new WeakMap<FeishuEvent, Option.Option<A>>()
  return {
    key: (event) => {
      const known = keyOf(event)
      if (known !== undefined) return known
      const payload = decode(event.payload)
      payloads.set(event, payload)
      return Option.getOrUndefined(Option.map(payload, key))
    },
    handle: (event) =>
      Option.match(payloads.get(event) ?? Option.none(), {
        onNone: () => decodeAndHandle(event),
        onSome: (payload) => handle({ ...event, payload })
      })
  }
}

/**
 * Handles one type of event. Success acknowledges the event. After a failure, or after the time limit, the platform pushes
 * the event again. Given a definition of `FeishuEvents`, or a schema, decodes the payload first, and fails if the payload
 * does not fit. `handle` has 2.5 s by default (`handlerTimeout`): for longer work, see `BackgroundTasks`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const on: {
  /**
   * Handles one type of event. Success acknowledges the event. After a failure, or after the time limit, the platform pushes
   * the event again. Given a definition of `FeishuEvents`, or a schema, decodes the payload first, and fails if the payload
   * does not fit. `handle` has 2.5 s by default (`handlerTimeout`): for longer work, see `BackgroundTasks`.
   *
   * @since 0.1.0
   * @category constructors
   */
  <A, I, X, E, R>(
    definition: Definition<A, I>,
    handle: (event: FeishuEvent<A>) => Effect.Effect<X, E, R>,
    options?: Options
  ): EventHandler<R>
  /**
   * Handles one type of event. Success acknowledges the event. After a failure, or after the time limit, the platform pushes
   * the event again. Given a definition of `FeishuEvents`, or a schema, decodes the payload first, and fails if the payload
   * does not fit. `handle` has 2.5 s by default (`handlerTimeout`): for longer work, see `BackgroundTasks`.
   *
   * @since 0.1.0
   * @category constructors
   */
  <X, E, R>(
    type: string,
    handle: (event: FeishuEvent) => Effect.Effect<X, E, R>,
    options?: Options
  ): EventHandler<R>
  /**
   * Handles one type of event. Success acknowledges the event. After a failure, or after the time limit, the platform pushes
   * the event again. Given a definition of `FeishuEvents`, or a schema, decodes the payload first, and fails if the payload
   * does not fit. `handle` has 2.5 s by default (`handlerTimeout`): for longer work, see `BackgroundTasks`.
   *
   * @since 0.1.0
   * @category constructors
   */
  <A, I, R1, X, E, R2>(
    type: string,
    payload: Schema.Schema<A, I, R1>,
    handle: (event: FeishuEvent<A>) => Effect.Effect<X, E, R2>,
    options?: Options
  ): EventHandler<R1 | R2>
} = <A, I, R1, R2>(
  ...[what, first, second, third]:
    | [definition: Definition<A, I>, handle: Handle<FeishuEvent<A>, R2>, options?: Options | undefined]
    | [type: string, handle: Handle<FeishuEvent, R2>, options?: Options | undefined]
    | [
      type: string,
      payload: Schema.Schema<A, I, R1>,
      handle: Handle<FeishuEvent<A>, R2>,
      options?: Options | undefined
    ]
): EventHandler<R1 | R2> => {
  if (typeof what !== "string") {
    const options = second as Options | undefined
    const { handle, key } = ofDefinition(what, first as Handle<FeishuEvent<A>, R2>)
    return { type: what.type, isCallback: false, key: withType(options?.key ?? key), handle }
  }
  const [handle, options] = typeof second === "function"
    ? [decoded(first as Schema.Schema<A, I, R1>, second), third]
    : [first as Handle<FeishuEvent, R2>, second]
  return { type: what, isCallback: false, key: withType(options?.key ?? keyOf), handle }
}

/**
 * Answers one type of callback, for example a click on a card (page "回调概述"). `handle` returns the JSON object that the
 * platform shows to the user, or nothing to show nothing. Given a definition of `FeishuEvents`, or a schema, decodes the payload
 * first.
 *
 * `handle` has 2.5 s by default (`handlerTimeout`). If `handle` fails or takes longer, the failure is logged, and the user sees
 * a toast after a click (`card.action.trigger`), and nothing after any other callback. The platform sends a callback once. For
 * longer work, add a task to `BackgroundTasks`, answer at once, and update the card later with `token` of `CardAction`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const callback: {
  /**
   * Answers one type of callback, for example a click on a card (page "回调概述"). `handle` returns the JSON object that the
   * platform shows to the user, or nothing to show nothing. Given a definition of `FeishuEvents`, or a schema, decodes the payload
   * first.
   *
   * `handle` has 2.5 s by default (`handlerTimeout`). If `handle` fails or takes longer, the failure is logged, and the user sees
   * a toast after a click (`card.action.trigger`), and nothing after any other callback. The platform sends a callback once. For
   * longer work, add a task to `BackgroundTasks`, answer at once, and update the card later with `token` of `CardAction`.
   *
   * @since 0.1.0
   * @category constructors
   */
  <A, I, Answer, AnswerI, E, R>(
    definition: CallbackDefinition<A, I, Answer, AnswerI>,
    handle: (event: FeishuEvent<A>) => Effect.Effect<Answer | void, E, R>
  ): EventHandler<R>
  /**
   * Answers one type of callback, for example a click on a card (page "回调概述"). `handle` returns the JSON object that the
   * platform shows to the user, or nothing to show nothing. Given a definition of `FeishuEvents`, or a schema, decodes the payload
   * first.
   *
   * `handle` has 2.5 s by default (`handlerTimeout`). If `handle` fails or takes longer, the failure is logged, and the user sees
   * a toast after a click (`card.action.trigger`), and nothing after any other callback. The platform sends a callback once. For
   * longer work, add a task to `BackgroundTasks`, answer at once, and update the card later with `token` of `CardAction`.
   *
   * @since 0.1.0
   * @category constructors
   */
  <E, R>(
    type: string,
    handle: (event: FeishuEvent) => Effect.Effect<object | void, E, R>
  ): EventHandler<R>
  /**
   * Answers one type of callback, for example a click on a card (page "回调概述"). `handle` returns the JSON object that the
   * platform shows to the user, or nothing to show nothing. Given a definition of `FeishuEvents`, or a schema, decodes the payload
   * first.
   *
   * `handle` has 2.5 s by default (`handlerTimeout`). If `handle` fails or takes longer, the failure is logged, and the user sees
   * a toast after a click (`card.action.trigger`), and nothing after any other callback. The platform sends a callback once. For
   * longer work, add a task to `BackgroundTasks`, answer at once, and update the card later with `token` of `CardAction`.
   *
   * @since 0.1.0
   * @category constructors
   */
  <A, I, R1, E, R2>(
    type: string,
    payload: Schema.Schema<A, I, R1>,
    handle: (event: FeishuEvent<A>) => Effect.Effect<object | void, E, R2>
  ): EventHandler<R1 | R2>
} = <A, I, Answer, AnswerI, R1, R2>(
  ...[what, first, second]:
    | [
      definition: CallbackDefinition<A, I, Answer, AnswerI>,
      handle: (event: FeishuEvent<A>) => Effect.Effect<Answer | void, unknown, R2>
    ]
    | [type: string, handle: Handle<FeishuEvent, R2>]
    | [type: string, payload: Schema.Schema<A, I, R1>, handle: Handle<FeishuEvent<A>, R2>]
): EventHandler<R1 | R2> => {
  const base = { isCallback: true, key: () => undefined }
  if (typeof what === "string") {
    const handle = second === undefined
      ? first as Handle<FeishuEvent, R2>
      : decoded(first as Schema.Schema<A, I, R1>, second)
    return { ...base, type: what, handle }
  }
  const encode = Schema.encode(what.answer, { errors: "all" })
  const handle = decoded(what.payload, first as (event: FeishuEvent<A>) => Effect.Effect<Answer | void, unknown, R2>)
  return {
    ...base,
    type: what.type,
    handle: (event) =>
      Effect.flatMap(
        handle(event),
        (answer): Effect.Effect<unknown, Misfit.Misfit> =>
          answer === undefined
            ? Effect.void
            : Effect.mapError(encode(answer as Answer), (error) => Misfit.make("the answer of the handler", error))
      )
  }
}

/**
 * Handles every type of event that no other handler has. Handles such callbacks, too, and then the user sees nothing.
 *
 * @since 0.1.0
 * @category constructors
 */
export const all = <X, E, R>(handle: (event: FeishuEvent) => Effect.Effect<X, E, R>): EventHandler<R> => ({
  type: undefined,
  isCallback: false,
  key: withType(keyOf),
  handle
})
