/** The rooms of `packages/core/src` and the arrows between them. A test compares both with the imports of the sources. */
import type { Text } from "./errorTexts.js"

export interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

export interface Room extends Box {
  readonly id: string
  readonly title: Text
  /** The public modules. */
  readonly modules: ReadonlyArray<string>
  /** Files below `internal/`: a folder, or a single file. */
  readonly internal: ReadonlyArray<string>
}

export const rooms: ReadonlyArray<Room> = [
  {
    id: "doors",
    title: { en: "Doors", zh: "请求入口" },
    modules: ["EventDoor", "EventHttpApp", "EventNodeListener", "EventWebHandler"],
    internal: [],
    x: 0,
    y: 0,
    width: 176,
    height: 94
  },
  {
    id: "client",
    title: { en: "Calls for a tenant", zh: "按租户调用" },
    modules: ["FeishuClient"],
    internal: [],
    x: 200,
    y: 0,
    width: 160,
    height: 46
  },
  {
    id: "deliveries",
    title: { en: "Deliveries", zh: "事件与回调" },
    modules: [
      "EventSubscription",
      "EventHandler",
      "FeishuEvent",
      "FeishuEvents",
      "EventRefused",
      "EventCrypto",
      "BackgroundTasks"
    ],
    internal: ["webhook"],
    x: 0,
    y: 124,
    width: 176,
    height: 158
  },
  {
    id: "tokens",
    title: { en: "Ticket and tokens", zh: "app_ticket 与凭证" },
    modules: ["AccessToken", "AppTicket"],
    internal: ["token"],
    x: 200,
    y: 232,
    width: 128,
    height: 78
  },
  {
    id: "stores",
    title: { en: "Stores", zh: "存储" },
    modules: ["TicketStore", "TokenStore", "Claims"],
    internal: ["store", "ticketAge"],
    x: 36,
    y: 340,
    width: 176,
    height: 94
  },
  {
    id: "exchange",
    title: { en: "One exchange", zh: "单次请求" },
    modules: [],
    internal: ["call"],
    x: 234,
    y: 464,
    width: 100,
    height: 46
  },
  {
    id: "basics",
    title: { en: "App, errors, retries, metrics", zh: "应用、错误、重试、指标" },
    modules: ["FeishuApp", "FeishuError", "ErrorCode", "RetryPolicy", "FeishuMetrics"],
    internal: ["call/classify", "outcomeOf"],
    x: 0,
    y: 540,
    width: 360,
    height: 78
  }
]

export interface Arrow {
  readonly from: string
  readonly to: string
  /** The corners of the line, from the border of one room to the border of the other. */
  readonly points: ReadonlyArray<readonly [number, number]>
}

const arrow = (from: string, to: string, ...points: ReadonlyArray<readonly [number, number]>): Arrow => ({
  from,
  to,
  points
})

/** An arrow points from the files that import to the imported files. */
export const arrows: ReadonlyArray<Arrow> = [
  arrow("doors", "deliveries", [88, 94], [88, 124]),
  arrow("client", "tokens", [264, 46], [264, 232]),
  arrow("client", "exchange", [331, 46], [331, 464]),
  arrow("client", "basics", [348, 46], [348, 540]),
  arrow("deliveries", "tokens", [176, 260], [200, 260]),
  arrow("deliveries", "stores", [88, 282], [88, 340]),
  arrow("deliveries", "basics", [18, 282], [18, 540]),
  arrow("tokens", "stores", [206, 310], [206, 340]),
  arrow("tokens", "exchange", [284, 310], [284, 464]),
  arrow("tokens", "basics", [223, 310], [223, 540]),
  arrow("stores", "exchange", [212, 420], [254, 420], [254, 464]),
  arrow("stores", "basics", [124, 434], [124, 540]),
  arrow("exchange", "basics", [284, 510], [284, 540])
]

/** The helpers in `internal/*.ts` belong to no room: every room may import them, and they import no room. */
export const shared = "shared"

/** Returns the room of a file, named by its path below `src` without `.ts`. */
export const roomOf = (file: string): string => {
  const inside = /^internal\/(.*)$/.exec(file)?.[1]
  const room = inside === undefined
    ? rooms.find(({ modules }) => modules.includes(file))
    : rooms.find(({ internal }) => internal.includes(inside))
      ?? rooms.find(({ internal }) => inside.includes("/") && internal.includes(inside.split("/")[0] ?? ""))
  if (room !== undefined) return room.id
  if (inside !== undefined && !inside.includes("/")) return shared
  throw new Error(`src/modules.ts has no room for ${file}`)
}
