/** Draws how a cost grows, as SVG. */
import * as Echarts from "echarts"

export interface Curve {
  /** The name of the file, without its ending. */
  readonly file: string
  readonly title: string
  readonly x: string
  readonly y: string
  readonly lines: Readonly<Record<string, ReadonlyArray<readonly [x: number, y: number]>>>
}

/** Both axes are logarithmic: a cost that grows as its cause is a straight line. */
export const svg = ({ lines, title, x, y }: Curve): string => {
  const chart = Echarts.init(null, null, { renderer: "svg", ssr: true, width: 720, height: 420 })
  chart.setOption({
    animation: false,
    backgroundColor: "#fff",
    title: { text: title, left: "center", textStyle: { fontSize: 15 } },
    legend: { bottom: 0 },
    grid: { left: 70, right: 30, top: 50, bottom: 80 },
    xAxis: { type: "log", name: x, nameLocation: "middle", nameGap: 28 },
    yAxis: { type: "log", name: y, nameLocation: "middle", nameGap: 50 },
    series: Object.entries(lines).map(([name, data]) => ({ name, type: "line", data, symbolSize: 7 }))
  })
  const drawn = chart.renderToSVGString()
  chart.dispose()
  return drawn
}
