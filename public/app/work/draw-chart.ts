import uPlot from 'uplot'

export type Bar = { label: string; value: number }

const HEIGHT = 190

/** Draws bars into an element and follows its width; the returned function takes them away. */
export function drawChart(place: HTMLElement, bars: Bar[], format: (value: number) => string): () => void {
  const plot = new uPlot(
    optionsOf(place, bars, format),
    [bars.map((_, at) => at), bars.map(({ value }) => value)],
    place,
  )
  const watcher = new ResizeObserver(() => plot.setSize({ width: place.clientWidth, height: HEIGHT }))
  watcher.observe(place)
  return () => {
    watcher.disconnect()
    plot.destroy()
  }
}

function optionsOf(place: HTMLElement, bars: Bar[], format: (value: number) => string): uPlot.Options {
  const colour = (name: string) => colourOf(place, name)
  const lines = { stroke: colour('--line'), width: 1 }
  const text = { stroke: colour('--muted'), font: `12px ${getComputedStyle(place).fontFamily}` }
  return {
    width: place.clientWidth,
    height: HEIGHT,
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { time: false, range: () => [-0.6, Math.max(bars.length, 1) - 0.4] },
      y: { range: (_plot, _low, high) => [0, high > 0 ? high * 1.1 : 1] },
    },
    axes: [
      {
        ...text,
        grid: { show: false },
        ticks: { show: false },
        size: 30,
        splits: () => namedOf(place, bars),
        values: (_plot, at) => at.map((one) => bars[one]?.label ?? ''),
      },
      { ...text, grid: lines, ticks: { show: false }, size: 62, values: (_plot, at) => at.map(format) },
    ],
    series: [{}, { fill: colour('--accent'), width: 0, points: { show: false }, paths: barPaths() }],
  }
}

const barPaths = () => uPlot.paths.bars!({ size: [0.7, 40], radius: 0.15 })

/** As many names below as fit side by side. */
function namedOf(place: HTMLElement, bars: Bar[]): number[] {
  const step = Math.max(1, Math.ceil((bars.length * 76) / Math.max(1, place.clientWidth - 70)))
  return bars.map((_, at) => at).filter((at) => at % step === 0)
}

/** A canvas knows no `var()` and no `light-dark()`: the browser works them out on an element. */
function colourOf(place: HTMLElement, name: string): string {
  const probe = document.createElement('span')
  probe.style.color = `var(${name})`
  place.append(probe)
  const colour = getComputedStyle(probe).color
  probe.remove()
  return colour
}
