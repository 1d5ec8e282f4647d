import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative, resolve } from "node:path"
import { parties, steps } from "../src/flow.js"
import { arrows, type Box, roomOf, rooms, shared } from "../src/modules.js"
import { root } from "../src/navigation.js"

const source = resolve(root, "../core/src")

const files = readdirSync(source, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts") && file !== "index.ts").map((file) => file.slice(0, -3))

const importsOf = (file: string): ReadonlyArray<string> =>
  [...readFileSync(join(source, `${file}.ts`), "utf8").matchAll(/^(?:import|export)\b[^"]*?"(\.[^"]+)\.js"/gm)]
    .map(([, path = ""]) => relative(source, resolve(source, dirname(file), path)))

const isOnBorder = ({ height, width, x, y }: Box, [px, py]: readonly [number, number]): boolean =>
  (px >= x && px <= x + width && (py === y || py === y + height))
  || (py >= y && py <= y + height && (px === x || px === x + width))

const room = (id: string) => rooms.find((room) => room.id === id) ?? assert.fail(`no room ${id}`)

describe("the diagram of the modules", () => {
  it("names each public module, and no other", () => {
    assert.sameMembers(
      rooms.flatMap(({ modules }) => modules),
      files.filter((file) => !file.startsWith("internal/"))
    )
  })

  it("has an arrow for each import from one room to another, and no other", () => {
    const imported = new Set(
      files.flatMap((file) => importsOf(file).map((target) => `${roomOf(file)} -> ${roomOf(target)}`))
        .filter((edge) => edge.split(" -> ")[0] !== edge.split(" -> ")[1] && !edge.endsWith(` -> ${shared}`))
    )
    assert.isAbove(imported.size, 5)
    assert.sameMembers(arrows.map(({ from, to }) => `${from} -> ${to}`), [...imported])
  })

  it("has arrows that point downwards or to the right only, so that no two rooms import each other", () => {
    for (const { points } of arrows) {
      for (const [index, [x, y]] of points.slice(1).entries()) {
        const [beforeX, beforeY] = points[index] ?? assert.fail()
        assert.isTrue(x >= beforeX && y >= beforeY && (x === beforeX || y === beforeY))
      }
    }
  })

  it("has arrows that begin and end at the borders of their rooms", () => {
    for (const { from, points, to } of arrows) {
      assert.isTrue(isOnBorder(room(from), points[0] ?? [-1, -1]), `${from} -> ${to} begins elsewhere`)
      assert.isTrue(isOnBorder(room(to), points.at(-1) ?? [-1, -1]), `${from} -> ${to} ends elsewhere`)
    }
  })

  it("has arrows that pass through no other room", () => {
    for (const { from, points, to } of arrows) {
      for (const [index, [x2, y2]] of points.slice(1).entries()) {
        const [x1, y1] = points[index] ?? assert.fail()
        const crossed = rooms.filter(({ height, id, width, x, y }) =>
          id !== from && id !== to && Math.max(x1, x2) > x && Math.min(x1, x2) < x + width && Math.max(y1, y2) > y
          && Math.min(y1, y2) < y + height
        )
        assert.deepStrictEqual(crossed.map(({ id }) => id), [], `${from} -> ${to}`)
      }
    }
  })
})

describe("the diagram of the flow", () => {
  it("has no step from a party to itself", () => {
    for (const { from, to } of steps) assert.notStrictEqual(parties[from].x, parties[to].x)
  })

  it.each(["reference/architecture.md", "zh/reference/architecture.md"])("has each step explained in %s", (page) => {
    const list = /<FlowDiagram \/>\n\n((?:\d+\. .*\n(?: .*\n)*)+)/.exec(readFileSync(root + page, "utf8"))?.[1] ?? ""
    assert.strictEqual([...list.matchAll(/^\d+\. /gm)].length, steps.length)
  })
})
