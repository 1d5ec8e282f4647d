import * as Effect from "effect/Effect"
import type * as Tracer from "effect/Tracer"

let native: Tracer.Tracer | undefined

/** Returns `true` unless the tracer is Effect's own, the default, which records nothing. */
const isRecording = (tracer: Tracer.Tracer): boolean => tracer !== (native ??= Effect.runSync(Effect.tracer))

/** Runs an effect with a span. Makes no span if nothing records it, because a span costs a tenth of a call. */
export const useSpan = <A, E, R>(
  name: string,
  options: () => Tracer.SpanOptions,
  use: (span: Tracer.Span | undefined) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.tracerWith((tracer) => isRecording(tracer) ? Effect.useSpan(name, options(), use) : use(undefined))

/** Runs an effect within a span. Makes no span if nothing records it. */
export const withSpan =
  (name: string, options: () => Tracer.SpanOptions) =>
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    useSpan(name, options, (span) => span === undefined ? self : Effect.withParentSpan(self, span))
