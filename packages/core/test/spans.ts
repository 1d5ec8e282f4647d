/** The spans of a program, in the order of their beginning. */
import * as Effect from "effect/Effect"
import * as Tracer from "effect/Tracer"

export const recorder = Effect.map(Effect.tracer, (native) => {
  const spans: Array<Tracer.Span> = []
  const tracer = Tracer.make({
    ...native,
    span: (...args) => {
      const span = native.span(...args)
      spans.push(span)
      return span
    }
  })
  return { spans, tracer }
})
