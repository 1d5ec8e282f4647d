import type { Theme } from "vitepress"
import DefaultTheme from "vitepress/theme-without-fonts"
import { FlowDiagram, ModulesDiagram } from "./diagrams.js"
import "./style.css"

export default {
  extends: DefaultTheme,
  enhanceApp: ({ app }) => {
    app.component("FlowDiagram", FlowDiagram)
    app.component("ModulesDiagram", ModulesDiagram)
  }
} satisfies Theme
