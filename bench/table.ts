/** One figure beside its control and its gate. `ok` is undefined where nothing is asked. */
export type Row = {
  figure: string
  value: string
  control: string
  ratio: string
  gate: string
  ok: boolean | undefined
}

type Measured = { figure: string; value: number; control: number; unit: string }

/** A figure that may be at most (or must be at least) so many times the control's. */
export function compared(measured: Measured, gate: { atMost?: number; atLeast?: number } = {}): Row {
  const { figure, value, control, unit } = measured
  const ratio = value / control
  const { atMost, atLeast } = gate
  return {
    figure,
    value: `${show(value)} ${unit}`,
    control: `${show(control)} ${unit}`,
    ratio: ratio.toFixed(2),
    gate: atMost !== undefined ? `≤ ${atMost} ×` : atLeast !== undefined ? `≥ ${atLeast} ×` : '',
    ok:
      atMost === undefined && atLeast === undefined
        ? undefined
        : ratio <= (atMost ?? Infinity) && ratio >= (atLeast ?? 0),
  }
}

/** A figure with a gate of its own; a control is only for comparison. */
export function limited(measured: Omit<Measured, 'control'> & { control?: number }, atMost: number): Row {
  const { figure, value, control, unit } = measured
  return {
    figure,
    value: `${show(value)} ${unit}`,
    control: control === undefined ? '' : `${show(control)} ${unit}`,
    ratio: '',
    gate: `≤ ${atMost} ${unit}`,
    ok: value <= atMost,
  }
}

export function printRows(rows: readonly Row[]): void {
  const lines = rows.map(({ ok, ...row }) => [...Object.values(row), ok === undefined ? '' : ok ? 'ok' : 'OVER'])
  printTable(['figure', 'value', 'control', 'ratio', 'gate', ''], lines)
}

/** Columns as wide as their widest cell; numbers to the right. */
export function printTable(head: readonly string[], lines: readonly (readonly string[])[]): void {
  const widths = head.map((name, at) => Math.max(name.length, ...lines.map((line) => line[at]!.length)))
  const row = (cells: readonly string[]) =>
    cells
      .map((cell, at) => pad(cell, widths[at]!, at))
      .join('  ')
      .trimEnd()
  console.log([row(head), widths.map((width) => '─'.repeat(width)).join('  '), ...lines.map(row)].join('\n'))
}

function pad(cell: string, width: number, column: number): string {
  return column === 0 ? cell.padEnd(width) : cell.padStart(width)
}

export function show(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString('en')
  return value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2)
}

/** The value below which this share of all lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)
