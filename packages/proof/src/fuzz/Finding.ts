/** An input that showed a fault. */
import * as Effect from "effect/Effect"
import * as Child from "../measure/Child.js"
import { never } from "../report/Claim.js"
import * as Findings from "../report/Findings.js"
import type { Section } from "../report/Section.js"
import * as Tally from "../tally.js"

export interface Finding {
  readonly seed: number
  readonly problem: string
  readonly input: string
}

/** The result of many inputs. */
export interface Outcome {
  /** How often something happened, by its name. */
  readonly counts: Readonly<Record<string, number>>
  readonly findings: ReadonlyArray<Finding>
  /** Bytes after each tenth, when the garbage was collected. */
  readonly heaps: ReadonlyArray<number>
}

/** Examines the input of this seed. Returns what happened, and what is wrong if something is. */
export type Examine<R = never> = (
  seed: number
) => Effect.Effect<
  { readonly happened: ReadonlyArray<string>; readonly problem?: string | undefined; readonly input: string },
  never,
  R
>

/** Ends early after so many findings. */
const mostFindings = 10

/** Examines so many inputs one after another. */
export const run = <R>(examine: Examine<R>, first: number, inputs: number): Effect.Effect<Outcome, never, R> =>
  Effect.gen(function*() {
    const counts: Tally.Tally = {}
    const findings: Array<Finding> = []
    const heaps: Array<number> = []
    for (let seed = first; seed < first + inputs && findings.length < mostFindings; seed++) {
      const { happened, input, problem } = yield* examine(seed)
      for (const name of ["inputs", ...happened]) Tally.add(counts, name)
      if (problem !== undefined) findings.push({ seed, problem, input })
      if ((seed - first + 1) % Math.ceil(inputs / 10) === 0) {
        globalThis.gc?.()
        heaps.push(process.memoryUsage().heapUsed)
      }
    }
    return { counts, findings, heaps }
  })

/** The heap at the end to the heap at the beginning, after the first tenths have filled the caches. */
const growth = (heaps: ReadonlyArray<number>) => Math.max(...heaps.slice(-3)) / Math.max(...heaps.slice(1, 4))

/** Runs the child program `fuzz-…` in as many processes as given, each with its part of the inputs. */
export const section = (
  { claim, first, name, processes, runs, title }: {
    readonly name: string
    readonly title: string
    readonly claim: string
    readonly first: number
    readonly runs: number
    readonly processes: number
  }
): Effect.Effect<Section> =>
  Effect.gen(function*() {
    const each = Math.ceil(runs / processes)
    const outcomes = yield* Effect.forEach(
      Array.from({ length: processes }, (_, i) => first + i * each),
      (first) => Child.run<Outcome>(`fuzz-${name}`, [`${first}`, `${each}`], { node: ["--expose-gc"] }),
      { concurrency: "unbounded" }
    )
    const counts: Tally.Tally = {}
    for (const outcome of outcomes) Tally.addAll(counts, outcome.counts)
    const findings = outcomes.flatMap(({ findings }) => findings)
    return {
      tables: [
        {
          title,
          head: ["", "inputs"],
          rows: Object.entries(counts)
            .toSorted(([, a], [, b]) => b - a)
            .map(([name, count]) => [name, count.toLocaleString("en")])
        },
        ...Findings.tables({
          command: "fuzz",
          section: name,
          findings: findings.map(({ input, problem, seed }) => ({
            seed,
            problem: `${problem}: ${input.slice(0, 300)}`
          }))
        })
      ],
      claims: [
        never(claim, findings.length),
        ...(each < 10_000 ? [] : [{
          name: `${name}: heap at the end to the heap at the beginning`,
          values: outcomes.map(({ heaps }) => growth(heaps)),
          must: { most: 1.25 }
        }])
      ]
    }
  })
