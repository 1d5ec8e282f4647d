/**
 * `feishu-ticket emulator journal`: what has happened so far, and what happens.
 */
import * as ControlApi from "@effect-feishu/emulator/ControlApi"
import type * as Journal from "@effect-feishu/emulator/Journal"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type * as EmulatorOptions from "../../EmulatorOptions.js"
import * as Failure from "../../Failure.js"
import * as Network from "../../Network.js"
import * as Output from "../../Output.js"
import * as Report from "../../Report.js"
import { show } from "./entries.js"
import * as Running from "./Running.js"

type Entry = typeof ControlApi.Entry.Type

const decodeEntries = Schema.decode(Schema.parseJson(Schema.Array(ControlApi.Entry)))

/** A line begins with the id, which `--entry` takes. */
const print = (json: boolean) => (entry: Entry) =>
  Effect.flatMap(Output.Output, ({ line, paint }) => {
    const shown = show(entry as Journal.Entry, paint)
    return line(json ? JSON.stringify(shown.json) : `${paint("dim", `${entry.id}`.padStart(4))}  ${shown.text}`)
  })

const messageOf = (title: string, message: { readonly headers: object; readonly text: string } | undefined): string =>
  message === undefined ? "" : Output.plain(
    [
      "",
      title,
      ...Object.entries(message.headers).map(([name, value]) => `  ${name}: ${String(value)}`),
      ...(message.text === "" ? [] : ["", ...message.text.split("\n").map((line) => `  ${line}`)])
    ].join("\n")
  )

/** Shows an entry with its headers and bodies. */
const printWhole = (json: boolean) => (entry: Entry) =>
  Effect.zipRight(
    print(json)(entry),
    json || entry._tag === "Handshake" ? Effect.void : Effect.forEach(
      [messageOf("Sent", entry.sent), messageOf("Received", entry.received)].filter((text) => text !== ""),
      Output.line,
      { discard: true }
    )
  )

/** Streams what happens after an entry, as the emulator sends it: server-sent events. */
const changes = ({ http, url }: Running.Running, after: number) => {
  const ended = () => new Failure.NoEmulator({ message: `the connection to the emulator at ${url} has ended` })
  return Stream.unwrap(
    Effect.map(
      Effect.mapError(http.get(`${url}/_emulator/changes?after=${after}`), ended),
      ({ stream }) => stream
    )
  ).pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.filterMap((line) => line.startsWith("data: ") ? Option.some(line.slice("data: ".length)) : Option.none()),
    Stream.mapEffect(decodeEntries),
    Stream.flattenIterables,
    Stream.mapError(ended),
    Stream.concat(Stream.fail(ended()))
  )
}

const run_ = (options: EmulatorOptions.Journal) =>
  Effect.gen(function*() {
    const running = yield* Running.connect(options)
    const { call, client } = running
    if (options.clear) return yield* Effect.as(call(client.clearJournal()), "removed all entries of the journal")
    if (Option.isSome(options.entry)) {
      yield* Effect.flatMap(call(client.entry({ path: { id: options.entry.value } })), printWhole(options.json))
      return undefined
    }
    const app = Option.getOrUndefined(options.app)
    // Asked before the entries, so that no entry is left out between them and the changes.
    const { lastEntry } = yield* call(client.state())
    const limit = Option.getOrElse(options.limit, () => 1_000)
    const entries = yield* call(client.journal({ urlParams: { after: 0, limit, app } }))
    yield* Effect.forEach(entries, print(options.json), { discard: true })
    if (options.follow) {
      yield* changes(running, Math.max(lastEntry, entries.at(-1)?.id ?? 0)).pipe(
        Stream.filter(({ appId }) => app === undefined || appId === app),
        Stream.runForEach(print(options.json))
      )
    }
    return undefined
  })

export const run = (options: EmulatorOptions.Journal) => {
  const flaw = options.follow && (options.clear || Option.isSome(options.entry))
    ? "--follow goes on with the journal: leave out --clear and --entry"
    : Option.exists(options.limit, (limit) => limit < 1 || limit > 100_000)
    ? "--limit is a number from 1 to 100000"
    : undefined
  const effect = flaw === undefined ? run_(options) : new Failure.UsageError({ message: flaw })
  return Effect.matchEffect(effect, {
    // Its documents are the entries.
    onSuccess: (text) => text === undefined || options.json ? Effect.void : Output.line(text),
    onFailure: (failure) => Report.fail(failure, options)
  }).pipe(Effect.provide(Network.layer))
}
