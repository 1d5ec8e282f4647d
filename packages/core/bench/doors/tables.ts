/** Medians, tables, and what must hold. */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Order from "effect/Order"

export const median = (values: ReadonlyArray<number>): number =>
  Arr.sort(values, Order.number)[Math.floor(values.length / 2)] ?? NaN

export const print = (text: string) => Effect.sync(() => process.stdout.write(`${text}\n`))

/** The first column to the left, the others to the right. */
const format = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = Arr.makeBy(rows[0]?.length ?? 0, (i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)))
  return rows
    .map((row) => row.map((cell, i) => i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
    .map((row) => row.join("  "))
    .join("\n")
}

export const printTable = (
  title: string,
  head: ReadonlyArray<string>,
  rows: ReadonlyArray<ReadonlyArray<string>>
) => print(`\n${title}\n\n${format([["", ...head], ...rows])}`)

/** A number that has limits: its value in each round. */
export interface Figure {
  readonly name: string
  readonly values: ReadonlyArray<number>
  /** The number must be at least, or at most, this. */
  readonly must: { readonly least: number } | { readonly most: number }
  readonly aim?: number
  readonly digits?: number
}

const limitOf = ({ must }: Figure) => "least" in must ? must.least : must.most

/** Compares the median as it is printed. */
const keeps = ({ digits = 2, must, values }: Figure, limit: number): boolean => {
  const printed = Number(median(values).toFixed(digits))
  return "least" in must ? printed >= limit : printed <= limit
}

/** Prints each figure beside its limits, and whether its median keeps them. */
export const printFigures = (figures: ReadonlyArray<Figure>) =>
  printTable(
    "What must hold",
    ["median", "least–most", "must", "", "aim", ""],
    figures.map((figure) => {
      const { aim, digits = 2, must, name, values } = figure
      const text = (value: number) => value.toFixed(digits)
      const sign = "least" in must ? "≥" : "≤"
      const limited = (limit: number) => [`${sign} ${limit}`, keeps(figure, limit) ? "holds" : "MISSED"]
      return [
        name,
        text(median(values)),
        `${text(Math.min(...values))}–${text(Math.max(...values))}`,
        ...limited(limitOf(figure)),
        ...(aim === undefined ? ["", ""] : limited(aim))
      ]
    })
  )
