/** Text in columns, for a terminal and for Markdown. */
import * as Arr from "effect/Array"

export interface Table {
  readonly title: string
  /** The heads of the columns. The first is of the names. */
  readonly head: ReadonlyArray<string>
  readonly rows: ReadonlyArray<ReadonlyArray<string>>
}

/** The first column stands to the left, the others to the right. */
export const text = ({ head, rows, title }: Table): string => {
  const all = [head, ...rows]
  const widths = Arr.makeBy(head.length, (i) => Math.max(...all.map((row) => (row[i] ?? "").length)))
  const line = (row: ReadonlyArray<string>) =>
    widths.map((width, i) => i === 0 ? (row[i] ?? "").padEnd(width) : (row[i] ?? "").padStart(width)).join("  ")
      .trimEnd()
  return [title, "", ...all.map(line)].join("\n")
}

export const markdown = ({ head, rows, title }: Table): string => {
  const line = (cells: ReadonlyArray<string>) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`
  return [
    `### ${title}`,
    "",
    line(head),
    line(head.map((_, i) => i === 0 ? "---" : "---:")),
    ...rows.map(line)
  ].join("\n")
}
