import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { theme } from '../theme.ts'
import type { Bar } from './draw-chart.ts'

export type { Bar }

type ChartProps = {
  bars: Bar[]
  label: string
  /** How a value is written on the scale and in the table. */
  format: (value: number) => string
  /** What the bars stand for, as the head of the table's first column. */
  of: string
  what: string
  /** False where a table of these numbers stands below anyway. */
  table?: boolean
}

/** Bars over a scale; the same numbers stand in a table for whoever cannot see them. */
export function Chart(props: ChartProps): JSX.Element | null {
  const { bars, label, format } = props
  const place = useRef<HTMLDivElement>(null)
  const [failed, setFailed] = useState(false)
  useEffect(() => {
    let end: (() => void) | undefined
    let wanted = true
    import('./draw-chart.ts').then(
      ({ drawChart }) => void (wanted && place.current && (end = drawChart(place.current, bars, format))),
      () => setFailed(true),
    )
    return () => {
      wanted = false
      end?.()
    }
  }, [bars, format, theme.value])
  return (
    <figure class="chart">
      <figcaption class="small muted">{label}</figcaption>
      {!failed && <div ref={place} class="chart-place" aria-hidden="true" />}
      {props.table !== false && (
        <details open={failed}>
          <summary class="small muted">{label} as a table</summary>
          <ChartTable {...props} />
        </details>
      )}
    </figure>
  )
}

function ChartTable({ bars, label, format, of, what }: ChartProps) {
  return (
    <table class="table numbers" aria-label={label}>
      <thead>
        <tr>
          <th scope="col">{of}</th>
          <th scope="col">{what}</th>
        </tr>
      </thead>
      <tbody>
        {bars.map(({ label: name, value }) => (
          <tr key={name}>
            <td>{name}</td>
            <td>{format(value)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
