import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { constUndefined, identity } from "effect/Function"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"

let native: Tracer.Tracer | undefined

/** Returns `true` unless the tracer is Effect's own, the default, which records nothing. */
const isRecording = (tracer: Tracer.Tracer): boolean => tracer !== (native ??= Effect.runSync(Effect.tracer))

/** Returns `true` if spans are recorded. */
export const isTraced: Effect.Effect<boolean> = Effect.map(Effect.tracer, isRecording)

/**
 * Runs an effect with a span. Makes no span if nothing records it, because a span costs a tenth of a call.
 *
 * The span ends with the failure that `failureOf` finds in the result, and never with the result, which may hold a secret.
 */
export const useSpan = <A, E, R>(
  name: string,
  options: () => Tracer.SpanOptions,
  use: (span: Tracer.Span | undefined) => Effect.Effect<A, E, R>,
  failureOf: (result: A) => unknown = constUndefined
): Effect.Effect<A, E, R> => {
  const exitOf = (exit: Exit.Exit<A, E>): Exit.Exit<void, unknown> =>
    Exit.flatMap(exit, (result) => {
      const failure = failureOf(result)
      return failure === undefined ? Exit.void : Exit.fail(failure)
    })
  return Effect.tracerWith((tracer) =>
    isRecording(tracer)
      ? Effect.acquireUseRelease(
        Effect.makeSpan(name, options()),
        use,
        (span, exit) => Effect.map(Clock.currentTimeNanos, (now) => span.end(now, exitOf(exit)))
      )
      : use(undefined)
  )
}

/** Runs an effect within a span. Makes no span if nothing records it. */
export const withSpan =
  (name: string, options: () => Tracer.SpanOptions) =>
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    useSpan(name, options, (span) => span === undefined ? self : Effect.withParentSpan(self, span))

/** Removes the current span from the services of work that runs for later requests. */
export const omit = <R>(context: Context.Context<R>): Context.Context<R> =>
  Context.omit(Tracer.ParentSpan)(context as Context.Context<Tracer.ParentSpan | R>) as Context.Context<R>

/** Returns the current span, if there is one. */
export const current: Effect.Effect<Option.Option<Tracer.AnySpan>> = Effect.serviceOption(Tracer.ParentSpan)

/** The span of work that several fibers wait for. */
export interface Shared {
  /** Runs the work within the span. The span has no parent, because the work belongs to all who wait. */
  readonly within: <A, E, R>(work: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** Links the span and the span of a fiber that waits, in both directions, so that either leads to the other. */
  readonly link: (waiting: Option.Option<Tracer.AnySpan>) => void
}

/** No span. */
export const none: Shared = { within: identity, link: () => {} }

const linkTo = (span: Tracer.AnySpan): Tracer.SpanLink => ({ _tag: "SpanLink", span, attributes: {} })

/** Makes the span of one piece of shared work. Makes no span if nothing records it. */
export const makeShared = (name: string, attributes: () => Record<string, unknown>): Shared => {
  let shared: Tracer.Span | undefined
  return {
    within: (work) =>
      useSpan(name, () => ({ root: true, captureStackTrace: false, attributes: attributes() }), (span) => {
        shared = span
        return span === undefined ? work : Effect.withParentSpan(work, span)
      }),
    link: (waiting) => {
      if (shared === undefined || Option.isNone(waiting)) return
      shared.addLinks([linkTo(waiting.value)])
      if (waiting.value._tag === "Span") waiting.value.addLinks([linkTo(shared)])
    }
  }
}
