/** Runs measurements one after another, prints what each gives, and says at the end which claims hold. */
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { type Outcome, outcomeOf } from "./Claim.js"
import * as Curve from "./Curve.js"
import * as Machine from "./Machine.js"
import type { Section } from "./Section.js"
import * as Table from "./Table.js"

export interface Options {
  /** For example `bench`. */
  readonly command: string
  /** The parts that are run, by their names. */
  readonly sections: Readonly<Record<string, Effect.Effect<Section, unknown>>>
  /** `true`: the rounds are short, and limits of what varies are wider. */
  readonly isQuick?: boolean
  /** A file to write everything to, as JSON. */
  readonly json?: string | undefined
  /**
   * A folder to write the plots and the results to: `RESULTS.md` of `bench`, which is run as a whole, and a file for each part of the
   * others, for example `results/fuzz-webhook.md`, because each part takes long.
   */
  readonly write?: string | undefined
}

interface Done extends Section {
  readonly name: string
  readonly seconds: number
  readonly outcomes: ReadonlyArray<Outcome>
}

const figure = (value: number, unit: string) => unit === "" ? `${value}` : `${value} ${unit}`

const tableOf = (title: string, outcomes: ReadonlyArray<Outcome>): Table.Table => ({
  title,
  head: ["", "median", "lowest to highest", "rounds", "must", "", "aim", ""],
  rows: outcomes.map(({ aim, highest, holds, lowest, median, must, name, reached, rounds, unit }) => [
    name,
    figure(median, unit),
    `${lowest} to ${highest}`,
    `${rounds}`,
    must,
    holds ? "holds" : "FAILS",
    aim,
    reached === undefined ? "" : reached ? "reached" : "not yet"
  ])
})

const runSection = (
  name: string,
  section: Effect.Effect<Section, unknown>,
  isQuick?: boolean
): Effect.Effect<Done, unknown> =>
  Effect.gen(function*() {
    const begin = yield* Clock.currentTimeMillis
    const done = yield* section
    const outcomes = done.claims.map((claim) => outcomeOf(claim, isQuick))
    for (const table of done.tables) yield* Console.log(`\n${Table.text(table)}`)
    return { ...done, name, outcomes, seconds: Math.round(((yield* Clock.currentTimeMillis) - begin) / 1000) }
  })

const outcomesOf = (done: ReadonlyArray<Done>) => done.flatMap(({ outcomes }) => outcomes)

/** `words`: the command with its options. */
const results = (words: string, done: ReadonlyArray<Done>, machine: string, on: string): string =>
  [
    `# Results of \`npm run ${words}\``,
    "",
    `Written on ${on}. ${machine}`,
    "",
    Table.markdown(tableOf("What is claimed", outcomesOf(done))),
    ...done.flatMap(({ curves = [], name, tables }) => [
      "",
      `## ${name}`,
      ...tables.flatMap((table) => ["", Table.markdown(table)]),
      ...curves.flatMap(({ file, title }) => ["", `![${title}](plots/${file}.svg)`])
    ]),
    ""
  ].join("\n")

const today = Effect.map(DateTime.now, DateTime.formatIsoDate)

const writeFile = (file: string, text: string) =>
  Effect.sync(() => {
    Fs.mkdirSync(Path.dirname(file), { recursive: true })
    Fs.writeFileSync(file, text)
  })

/** Writes the figures so far, so that a long run that is stopped leaves what it has found. */
const writeJson = ({ command, json }: Options, done: ReadonlyArray<Done>) =>
  Effect.flatMap(today, (on) => {
    if (json === undefined) return Effect.void
    const record = { command, on, machine: Machine.machine, outcomes: outcomesOf(done), sections: done }
    return writeFile(json, `${JSON.stringify(record, null, 2)}\n`)
  })

/** Writes the results of a part as soon as the part is done, for the same reason. */
const writePart = ({ command, write }: Options, part: Done) =>
  write === undefined || command === "bench"
    ? Effect.void
    : Effect.flatMap(today, (on) =>
      writeFile(
        Path.join(write, "results", `${command}-${part.name}.md`),
        results(`${command} -- --only ${part.name} --write`, [part], Machine.machine, on)
      ))

/** Writes the results and the plots of `bench` when all parts are done: the file is about the last run that ended. */
const writeBench = ({ command, write }: Options, done: ReadonlyArray<Done>) =>
  write === undefined || command !== "bench"
    ? Effect.void
    : Effect.flatMap(today, (on) =>
      Effect.all([
        ...done.flatMap(({ curves = [] }) => curves).map((curve) =>
          writeFile(Path.join(write, "plots", `${curve.file}.svg`), `${Curve.svg(curve)}\n`)
        ),
        writeFile(Path.join(write, "RESULTS.md"), results("bench -- --write", done, Machine.machine, on))
      ], { discard: true }))

/** Returns `false` if a claim does not hold. */
export const run = (options: Options): Effect.Effect<boolean, unknown> =>
  Effect.gen(function*() {
    const done: Array<Done> = []
    for (const [name, section] of Object.entries(options.sections)) {
      const part = yield* runSection(name, section, options.isQuick)
      done.push(part)
      yield* writePart(options, part)
      yield* writeJson(options, done)
    }
    yield* writeBench(options, done)
    const outcomes = outcomesOf(done)
    yield* Console.log(`\n${Table.text(tableOf("What is claimed", outcomes))}`)
    const missed = outcomes.filter(({ holds }) => !holds)
    yield* Console.log(
      missed.length === 0
        ? `\nAll ${outcomes.length} claims hold.`
        : `\n${missed.length} of ${outcomes.length} claims do not hold: ${missed.map(({ name }) => name).join("; ")}.`
    )
    return missed.length === 0
  })
