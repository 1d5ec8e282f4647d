/** The diagrams of the architecture page, drawn when the site is built: in the colours of the theme, as wide as a phone. */
import { useData } from "vitepress"
import { defineComponent, h, type VNode } from "vue"
import type { Text } from "../../src/errorTexts.js"
import { parties, type Party, steps } from "../../src/flow.js"
import { arrows, rooms } from "../../src/modules.js"

const useLanguage = (): keyof Text => useData().lang.value.startsWith("zh") ? "zh" : "en"

const text = (x: number, y: number, content: string, options: Readonly<Record<string, unknown>> = {}): VNode =>
  h("text", { x, y, ...options }, content)

/** Markers are found by their id in the whole page, so each diagram has its own. */
const arrowHead = (id: string): VNode =>
  h("defs", [
    h("marker", { id, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" }, [
      h("path", { d: "M0,0 L8,4 L0,8 Z", class: "head" })
    ])
  ])

const line = (points: ReadonlyArray<readonly [number, number]>, head: string, key: string): VNode =>
  h("path", { key, d: `M${points.map((point) => point.join(",")).join(" L")}`, "marker-end": `url(#${head})` })

const picture = (id: string, height: number, label: string, children: ReadonlyArray<VNode>): VNode =>
  h("figure", { class: "diagram" }, [
    h("svg", { viewBox: `-2 -2 364 ${height + 4}`, role: "img", "aria-label": label }, [arrowHead(id), ...children])
  ])

const lineHeight = 16

export const ModulesDiagram = defineComponent({
  name: "ModulesDiagram",
  setup: () => {
    const language = useLanguage()
    const label = language === "en" ? "The modules and what they import" : "模块及其依赖"
    const height = Math.max(...rooms.map((room) => room.y + room.height))
    /** Names that fit side by side share a line. */
    const lines = (names: ReadonlyArray<string>, width: number) => {
      const lines: Array<string> = []
      for (const name of names) {
        const last = lines.at(-1)
        if (last !== undefined && (last.length + name.length + 2) * 6.4 < width - 16) {
          lines[lines.length - 1] = `${last}, ${name}`
        } else lines.push(name)
      }
      return lines
    }
    return () =>
      picture("modules-head", height, label, [
        ...arrows.map(({ from, points, to }) => line(points, "modules-head", `${from}-${to}`)),
        ...rooms.map(({ id, internal, modules, title, width, x, y, height }) => {
          const folders = internal.filter((file) => !file.includes("/") && file !== "ticketAge" && file !== "outcomeOf")
          const names = [...modules, ...folders.map((folder) => `internal/${folder}/`)]
          return h("g", { key: id, class: "room" }, [
            h("rect", { x, y, width, height, rx: 6 }),
            text(x + 8, y + 18, title[language], { class: "title" }),
            ...lines(names, width).map((names, index) =>
              text(x + 8, y + 36 + index * lineHeight, names, { class: "name" })
            )
          ])
        })
      ])
  }
})

export const FlowDiagram = defineComponent({
  name: "FlowDiagram",
  setup: () => {
    const language = useLanguage()
    const label = language === "en"
      ? "From a start without a ticket to a call for a tenant"
      : "从没有 app_ticket 到为租户调用接口"
    const top = 34
    const distance = 38
    const height = top + steps.length * distance + 8
    return () =>
      picture("flow-head", height, label, [
        ...(Object.keys(parties) as Array<Party>).map((party) => {
          const { title, x } = parties[party]
          return h("g", { key: party, class: "party" }, [
            h("path", { class: "life", d: `M${x},24 L${x},${height}` }),
            h("rect", { x: x - 40, y: 0, width: 80, height: 24, rx: 6 }),
            text(x, 16, title[language], { class: "title", "text-anchor": "middle" })
          ])
        }),
        ...steps.map(({ from, label, to }, index) => {
          const y = top + (index + 1) * distance - 8
          const start = Math.min(parties[from].x, parties[to].x)
          // A label at the right end grows to the left.
          const isAtEnd = start > 200
          return h("g", { key: index, class: "step" }, [
            line([[parties[from].x, y], [parties[to].x, y]], "flow-head", "line"),
            text(isAtEnd ? 356 : start + 5, y - 7, `${index + 1} ${label[language]}`, {
              class: "label",
              "text-anchor": isAtEnd ? "end" : "start"
            })
          ])
        })
      ])
  }
})
