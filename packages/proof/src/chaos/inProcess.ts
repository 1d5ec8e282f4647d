/** Runs of all faults, singly and in pairs, in this process. */
import * as Effect from "effect/Effect"
import * as Os from "node:os"
import * as Child from "../measure/Child.js"
import { never } from "../report/Claim.js"
import * as Findings from "../report/Findings.js"
import type { Section } from "../report/Section.js"
import * as Tally from "../tally.js"
import * as Faults from "./faults.js"
import * as Scenario from "./scenario.js"

export interface Options {
  /** Run these faults only, together. */
  readonly faults: ReadonlyArray<Faults.Name> | undefined
  readonly first: number
  /** Seeds for each combination. */
  readonly runs: number
}

interface Broken {
  readonly faults: ReadonlyArray<Faults.Name>
  readonly seed: number
  readonly rule: string
}

export interface Result {
  readonly runs: number
  readonly broken: ReadonlyArray<Broken>
  /** How often calls, pushes and callbacks ended in which way, by the faults of the run. */
  readonly outcomes: Readonly<Record<string, Readonly<Record<string, number>>>>
}

const nameOf = (faults: ReadonlyArray<Faults.Name>) => faults.length === 0 ? "no fault" : faults.join(" + ")

/** Ends early after so many runs that broke a rule. */
const mostBroken = 20

/** Runs every `of`th combination from `part` on. */
export const run = ({ faults, first, runs }: Options, part: number, of: number): Effect.Effect<Result> =>
  Effect.gen(function*() {
    const combinations = (faults === undefined ? Faults.combinations : [faults]).filter((_, i) => i % of === part)
    const broken: Array<Broken> = []
    const outcomes: Record<string, Tally.Tally> = {}
    let count = 0
    for (const faults of combinations) {
      const ofFaults: Tally.Tally = {}
      for (let seed = first; seed < first + runs && broken.length < mostBroken; seed++) {
        const seen = yield* Scenario.run(faults, seed)
        count++
        for (const rule of seen.broken) broken.push({ faults, seed, rule })
        Tally.addAll(ofFaults, seen.outcomes)
      }
      outcomes[nameOf(faults)] = ofFaults
    }
    return { runs: count, broken, outcomes }
  })

const words = (
  { faults, first, runs }: Options
): ReadonlyArray<string> => [JSON.stringify(faults ?? null), `${first}`, `${runs}`]

/** Reads what `words` has written. */
export const optionsOf = ([faults = "null", first = "0", runs = "1"]: ReadonlyArray<string>): Options => ({
  faults: (JSON.parse(faults) as ReadonlyArray<Faults.Name> | null) ?? undefined,
  first: Number(first),
  runs: Number(runs)
})

/** The columns of the matrix: of what there are outcomes, and which count as well. */
const columns = {
  "calls that succeeded": (name: string) => name === "call: success",
  "calls that failed typed": (name: string) => name.startsWith("call: ") && name !== "call: success",
  "callbacks answered": (name: string) => name === "callback: answered",
  "callbacks not answered": (name: string) => name.startsWith("callback: ") && name !== "callback: answered",
  "pushes acknowledged": (name: string) => name === "platform push: acknowledged",
  "pushes refused, and pushed again": (name: string) => /^platform push: (refused|timed out|unreachable)/.test(name),
  "attacks refused": (name: string) => name === "forged push: refused" || name === "replayed push: refused"
} satisfies Readonly<Record<string, (name: string) => boolean>>

const failuresOf = (outcomes: Readonly<Record<string, number>>): string =>
  Object.keys(outcomes).filter(columns["calls that failed typed"]).map((name) => name.slice("call: ".length)).toSorted()
    .join(", ")

export const section = (options: Options): Effect.Effect<Section> =>
  Effect.gen(function*() {
    const processes = options.faults === undefined ? Os.availableParallelism() : 1
    const results = yield* Effect.forEach(
      Array.from({ length: processes }, (_, part) => part),
      (part) =>
        // Saves a twelfth of the time: most of what a run makes is garbage before the run ends.
        Child.run<Result>("chaos", [...words(options), `${part}`, `${processes}`], {
          node: ["--max-semi-space-size=64"]
        }),
      { concurrency: "unbounded" }
    )
    const broken = results.flatMap(({ broken }) => broken)
    const outcomes = Object.assign({}, ...results.map(({ outcomes }) => outcomes)) as Result["outcomes"]
    const count = (faults: string, is: (name: string) => boolean) =>
      Object.entries(outcomes[faults] ?? {}).reduce((sum, [name, n]) => is(name) ? sum + n : sum, 0)
    const rows = options.faults === undefined ? Faults.combinations.slice(0, 1 + Faults.names.length) : [options.faults]
    return {
      tables: [
        {
          title: `What happens under each fault, in 2 hours with a probability of 25 %, ${options.runs} runs each`,
          head: ["", ...Object.keys(columns), "failures of calls"],
          rows: rows.map((faults) =>
            [nameOf(faults)].concat(
              Object.values(columns).map((is) => count(nameOf(faults), is).toLocaleString("en")),
              failuresOf(outcomes[nameOf(faults)] ?? {})
            )
          )
        },
        ...Findings.tables({
          command: "chaos",
          section: "in-process",
          findings: broken.map(({ faults, rule, seed }) => ({
            seed,
            options: `--faults "${faults.join(",")}"`,
            problem: rule
          }))
        })
      ],
      claims: [
        never(
          `chaos in process: rules broken in ${
            results.reduce((sum, { runs }) => sum + runs, 0).toLocaleString("en")
          } runs of ${Object.keys(outcomes).length} combinations of faults`,
          broken.length
        )
      ]
    }
  })
