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
    height: 80
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
    y: 110,
    width: 176,
    height: 160
  },
  {
    id: "tokens",
    title: { en: "Ticket and tokens", zh: "app_ticket 与凭证" },
    modules: ["AccessToken", "AppTicket"],
    internal: ["token"],
    x: 196,
    y: 216,
    width: 132,
    height: 80
  },
  {
    id: "stores",
    title: { en: "Stores", zh: "存储" },
    modules: ["TicketStore", "TokenStore", "Claims"],
    internal: ["store", "ticketAge"],
    x: 36,
    y: 330,
    width: 176,
    height: 64
  },
  {
    id: "exchange",
    title: { en: "One exchange", zh: "单次请求" },
    modules: [],
    internal: ["call"],
    x: 226,
    y: 426,
    width: 112,
    height: 46
  },
  {
    id: "basics",
    title: { en: "App, errors, retries, metrics", zh: "应用、错误、重试、指标" },
    modules: ["FeishuApp", "FeishuError", "ErrorCode", "RetryPolicy", "FeishuMetrics"],
    internal: ["call/classify", "outcomeOf"],
    x: 0,
    y: 504,
    width: 360,
    height: 64
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
  arrow("doors", "deliveries", [88, 80], [88, 110]),
  arrow("client", "tokens", [264, 46], [264, 216]),
  arrow("client", "exchange", [333, 46], [333, 426]),
  arrow("client", "basics", [349, 46], [349, 504]),
  arrow("deliveries", "tokens", [176, 250], [196, 250]),
  arrow("deliveries", "stores", [88, 270], [88, 330]),
  arrow("deliveries", "basics", [18, 270], [18, 504]),
  arrow("tokens", "stores", [204, 296], [204, 330]),
  arrow("tokens", "exchange", [290, 296], [290, 426]),
  arrow("tokens", "basics", [219, 296], [219, 504]),
  arrow("stores", "exchange", [212, 380], [250, 380], [250, 426]),
  arrow("stores", "basics", [124, 394], [124, 504]),
  arrow("exchange", "basics", [290, 472], [290, 504])
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
