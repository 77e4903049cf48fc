// The page of `sim play`: shows frames, sends what a person does. It computes nothing of a run.
const $ = (id) => document.getElementById(id)
const make = (tag, attributes = {}, ...children) => {
  const node = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value)
    else if (value !== false && value !== null) node.setAttribute(name, value)
  }
  node.append(...children)
  return node
}
const two = (n) => String(n).padStart(2, '0')
const clock = (s) => {
  const whole = Math.floor(s), h = Math.floor(whole / 3600)
  return (h ? `${h}:${two(Math.floor(whole / 60) % 60)}` : Math.floor(whole / 60)) + ':' + two(whole % 60)
}
const span = (s) => s < 60 ? `${Math.round(s)} s` : s < 3600 ? `${Math.floor(s / 60)} min ${two(Math.round(s) % 60)} s` : `${Math.floor(s / 3600)} h ${two(Math.round(s / 60) % 60)} min`

const OF_SERVICE = {
  'kill (docker kill)': (name) => ({ operator_kill: { service: name } }),
  'crash the process': (name) => ({ process_crash: { service: name } }),
  'hang for 2 minutes': (name) => ({ hang: { service: name, lasts: '2m' } }),
  'stop (SIGTERM)': (name) => ({ operator_stop: { service: name } }),
  'deploy a version that answers 500': (name) => ({ deploy: { service: name, version: { name: 'v2-bad', error_rate: '60%' } } }),
  'deploy a version that crashes': (name) => ({ deploy: { service: name, version: { name: 'v2-crash', crashes_at_start: true } } }),
  'deploy a good version': (name) => ({ deploy: { service: name, version: { name: 'v2' } } }),
  'leak memory': (name) => ({ leak: { service: name, per_second: '2Mi' } }),
}
const OF_SERVER = {
  'lose its server (it reboots)': (name) => ({ server_crash: { hosting: name } }),
  'lose its server for good': (name) => ({ server_crash: { hosting: name, returns: false } }),
  'cut its server off for a minute': (name) => ({ partition: { side: [name], lasts: '1m' } }),
  'drain its server': (name) => ({ drain: { hosting: name } }),
}
const OF_ALL = {
  'lock the database for 2 minutes': () => ({ lock: { lasts: '2m' } }),
  'give the database a bad plan': () => ({ bad_plan: { factor: 20 } }),
  'freeze the control plane for 5 minutes': () => ({ control_plane: { lasts: '5m' } }),
  'lose the registry for 10 minutes': () => ({ registry_down: { lasts: '10m' } }),
  'let the certificate expire': () => ({ certificate_expired: {} }),
  'fill the disk of the database': () => ({ disk_full: {} }),
}
const FAULTS = { ...OF_SERVICE, ...OF_SERVER, ...OF_ALL }

// ---- the line to the server ----
const query = new URLSearchParams(location.search)
let socket, state = null, about = {}, sides = [], linked = false, retries = 0
const say = (text) => { $('message').textContent = text }
const send = (message) => {
  if (socket && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message))
  else say('not connected: trying again')
}
const connect = () => {
  const url = new URL('live', location.href)
  url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:'
  url.hash = ''
  url.search = new URLSearchParams({
    token: sessionStorage.getItem('token') || '', code: query.get('code') || '',
    name: sessionStorage.getItem('name') || '',
  })
  socket = new WebSocket(url)
  socket.onopen = () => { retries = 0; say(''); sides = [] }
  socket.onmessage = (event) => show(JSON.parse(event.data))
  socket.onclose = () => {
    if (retries < 0) return
    retries += 1
    say('the connection was lost: trying again')
    setTimeout(connect, Math.min(5000, 250 * 2 ** retries))
  }
}
const begin = () => {
  if (query.get('code') && !sessionStorage.getItem('name')) {
    const field = make('input', { maxlength: 40, required: '' })
    const form = make('form', {}, make('label', {}, 'Your name, for the board ', field), ' ', make('button', {}, 'Join'))
    form.onsubmit = (event) => { event.preventDefault(); sessionStorage.setItem('name', field.value); $('class').hidden = true; connect() }
    $('class').replaceChildren(form)
    $('class').hidden = false
    field.focus()
  } else connect()
}

// ---- links: the opening and what was done ----
const encode = (data) => btoa(unescape(encodeURIComponent(JSON.stringify(data)))).replaceAll('+', '-').replaceAll('/', '_')
const decode = (text) => JSON.parse(decodeURIComponent(escape(atob(text.replaceAll('-', '+').replaceAll('_', '/')))))
const link = () => {
  const deeds = state.deeds.map(({ text, ...deed }) => deed)
  return `${location.origin}/#${encode({ do: 'open', opening: state.opening, deeds, at: state.t })}`
}

// ---- showing a frame ----
const show = (frame) => {
  if (frame.refused) { retries = -1; sessionStorage.removeItem('name'); say(frame.refused); return }
  if (frame.token) {
    sessionStorage.setItem('token', frame.token)
    about = frame
    if (!linked && location.hash.length > 1 && !frame.class) {
      try { send(decode(location.hash.slice(1))) } catch { say('the link is damaged: the incident begins anew') }
      history.replaceState(null, '', location.pathname + location.search)
    }
    linked = true
    showClass()
  }
  state = { ...(frame.whole ? {} : state), ...frame }
  if (frame.error) say(frame.error)
  else if (frame.error === undefined && frame.whole) say('')
  if (frame.whole) rebuild()
  sides.forEach((side, number) => update(side, frame.sides[number]))
  $('time').textContent = `${clock(state.t)} of ${clock(state.horizon)}`
  if (document.activeElement !== $('slider') || frame.running) $('slider').value = state.t
  $('run').textContent = frame.running ? '❚❚ Pause' : '▶ Run'
  $('run').disabled = $('jump').disabled = frame.over
  $('speed').value = String(frame.times)
  $('deeds').replaceChildren(...state.deeds.map((deed) => make('li', {}, `${clock(deed.at)} ${deed.text}`)))
  if (frame.lines) {
    $('lines').replaceChildren(...frame.lines.flatMap(({ typed, answer }) => [make('div', { class: 'typed' }, `$ ${typed}`), make('div', {}, answer)]))
    $('lines').scrollTop = $('lines').scrollHeight
  }
}

const rebuild = () => {
  const { opening } = state
  $('title').textContent = state.title
  $('about').textContent = `${opening.scenario.replaceAll('_', ' ')}, seed ${opening.seed}: the same users on each side. Run it, break something, or be the operator.`
  document.title = `${opening.scenario} - Outage Lab`
  $('slider').max = state.horizon
  const most = Math.max(1, Math.ceil(state.rate * 5))
  if (Number($('rate').max) !== most) {
    $('rate').max = most
    $('rate').value = state.rate
  }
  $('rateout').textContent = Number($('rate').value).toFixed(1)
  $('opening').hidden = about.class !== false
  if (about.scenarios) {
    fill($('scenario'), about.scenarios, [opening.scenario])
    $('platforms').replaceChildren($('platforms').firstElementChild, ...about.platforms.map((name) => make('label', {},
      make('input', { type: 'checkbox', name: 'platform', value: name, checked: opening.platforms.includes(name) ? '' : false }), ` ${titled(name)} `)))
    $('seed').value = opening.seed
  }
  fill($('fault'), Object.keys(FAULTS), [$('fault').value || Object.keys(FAULTS)[0]])
  const services = [...new Set(state.sides.flatMap((side) => side.containers.map((box) => box.service)))]
  fill($('target'), services, [services.includes($('target').value) ? $('target').value : 'api'])
  fill($('you'), ['as modelled', ...opening.platforms], [opening.you || 'as modelled'], (name) => name === 'as modelled' ? 'as modelled' : `you, on ${titled(name)}`)
  $('terminal').hidden = !opening.you
  $('sides').replaceChildren()
  sides = state.sides.map(build)
}
const titled = (name) => (about.titles || {})[name] || name
const fill = (select, names, chosen, text = (name) => name) => select.replaceChildren(
  ...names.map((name) => make('option', { value: name, selected: chosen.includes(name) ? '' : false }, text(name))))

const AXIS = { stroke: () => getComputedStyle(document.body).color, grid: { stroke: '#8884', width: 1 }, ticks: { show: false } }
const chart = (parent, title, hue, percent) => {
  const colour = getComputedStyle(document.documentElement).getPropertyValue(hue).trim()
  const box = make('div', { class: 'chart', role: 'img', 'aria-label': title })
  parent.append(box)
  const plot = new uPlot({
    title, width: Math.max(200, parent.clientWidth - 28), height: 110, cursor: { y: false },
    legend: { show: false },
    scales: { x: { time: false, range: () => [0, state.horizon] }, y: { range: percent ? [0, 100] : (_, low, high) => [0, Math.max(1, high)] } },
    axes: [{ ...AXIS, incrs: [10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 43200, 86400], values: (_, ticks) => ticks.map(clock), size: 26 }, { ...AXIS, size: 46, values: (_, ticks) => ticks.map((v) => percent ? `${v} %` : Number.isInteger(v) ? v : '') }],
    series: [{}, { stroke: colour, width: 2, fill: colour + '33', spanGaps: false }],
  }, [[], []], box)
  new ResizeObserver(() => plot.setSize({ width: Math.max(200, parent.clientWidth - 28), height: 110 })).observe(parent)
  return { plot, xs: [], ys: [], box, title }
}
const grow = (curve, points, column, scale) => {
  if (!points.length) return
  for (const point of points) {
    curve.xs.push(point[0])
    curve.ys.push(point[column] === null ? null : point[column] * scale)
  }
  curve.plot.setData([curve.xs, curve.ys])
  curve.box.setAttribute('aria-label', `${curve.title}: now ${curve.ys.at(-1) ?? 'nobody asks'}`)
}
const build = (side, number) => {
  const node = make('section', { class: 'side', 'aria-label': side.title, style: `--hue:var(--p${side.kind})` })
  const parts = {
    node, number, figures: make('p', { class: 'figures' }), operator: make('p', { class: 'operator' }),
    servers: make('div'), events: make('ol', { class: 'events', tabindex: '0', 'aria-label': `What happened, ${side.title}` }), out: make('p', { class: 'small' }),
  }
  node.append(make('h2', {}, side.title), parts.figures, parts.operator, parts.servers)
  $('sides').append(node)
  parts.good = chart(node, 'requests answered well', `--p${side.kind}`, true)
  parts.jobs = chart(node, 'jobs waiting', `--p${side.kind}`, false)
  node.append(parts.events, parts.out)
  const base = () => `seat/${sessionStorage.getItem('token')}/${number}`
  parts.out.append(
    make('a', { href: '#', onclick: (e) => { e.target.href = `${base()}/report.html` }, target: '_blank' }, 'report.html up to now'), ' · ',
    make('a', { href: '#', onclick: (e) => { e.target.href = `${base()}/scenario.yaml` } }, 'as a scenario file'))
  return parts
}
const update = (parts, side) => {
  grow(parts.good, side.curve, 1, 100)
  grow(parts.jobs, side.curve, 3, 1)
  const final = state.over && state.figures ? state.figures[parts.number] : null
  const down = final ? final.downtime_s : side.down_s
  const figures = [['down', span(down)], ['failed requests', side.gauge.failed.toLocaleString('en')], ['in progress', side.gauge.in_flight], ['jobs waiting', side.gauge.jobs_queued],
    ['database connections', `${side.gauge.connections} of ${side.gauge.connection_limit}`]]
  if (final) figures.push(['hands on', span(final.operator.minutes * 60)], ['cost', `${final.cost.usd.toFixed(2)} USD`])
  parts.figures.replaceChildren(...figures.map(([name, value]) => make('span', {}, `${name} `, make('b', {}, String(value)))))
  const { operator } = side
  parts.operator.textContent = side.you ? 'the operator is you: type below' : operator.doing ? `operator: ${operator.doing}` : operator.pages ? `operator: paged ${operator.pages === 1 ? 'once' : operator.pages + ' times'}, ${span(operator.hands_on_s)} of work` : 'operator: not called'
  parts.operator.classList.toggle('busy', Boolean(operator.doing))
  drawServers(parts, side)
  for (const row of side.rows) parts.events.prepend(make('li', {}, make('time', {}, clock(row.t_s)), row.text))
  while (parts.events.childElementCount > 300) parts.events.lastChild.remove()
}
const SIGN = { ready: '●', exited: '✕', hung: '⏸', starting: '…', stopping: '…', not_ready: '○', back_off: '✕', created: '○', away: '✕' }
const drawServers = (parts, side) => {
  const key = JSON.stringify([side.servers.map((s) => [s.name, s.state, s.containers]), side.containers.map((c) => [c.name, c.state])])
  if (key !== parts.key) { // only what changed its shape is built anew: focus stays where it is
    parts.key = key
    parts.boxes = {}
    const named = Object.fromEntries(side.containers.map((box) => [box.name, box]))
    parts.servers.replaceChildren(...side.servers.map((server) => make('div', { class: `server ${server.state}` },
      make('button', { onclick: () => serverMenu(server, named), title: 'what can go wrong with it' }, `${server.name}, ${server.cores} cores${server.state === 'up' ? '' : ', ' + server.state.replace('_', ' ')}`),
      make('div', { class: 'boxes' }, ...server.containers.map((name) => named[name]).filter(Boolean).map((box) => {
        const info = make('small'), bar = make('i')
        parts.boxes[box.name] = { info, bar }
        return make('button', { class: `box ${box.state}`, onclick: () => menu(box.name, box.service, OF_SERVICE) },
          `${SIGN[box.state] || '●'} ${box.name}`, info, make('span', { class: 'bar' }, bar))
      })))),
    ...(side.pending.length ? [make('p', { class: 'small' }, `waiting for room: ${side.pending.join(', ')}`)] : []))
  }
  for (const box of side.containers) {
    const drawn = parts.boxes[box.name]
    if (!drawn) continue
    const busy = box.inside ? `${box.inside} in progress` : box.state === 'ready' ? 'idle' : ''
    const words = [box.state === 'ready' ? '' : box.state.replace('_', ' '), busy, box.waiting ? `${box.waiting} waiting` : '', box.version === 'v1' ? '' : box.version]
    drawn.info.textContent = words.filter(Boolean).join(', ') || ' '
    drawn.bar.style.width = `${Math.min(100, 4 * (box.inside + box.waiting))}%`
  }
}

// ---- what a person does ----
const menu = (title, service, faults) => {
  $('menutitle').textContent = title
  $('choices').replaceChildren(...Object.entries(faults).map(([text, event]) =>
    make('button', { onclick: () => { send({ do: 'act', event: event(service) }); $('menu').close() } }, text)))
  $('menu').showModal()
}
const serverMenu = (server, named) => {
  const number = Number(server.name.replace(/.*-/, '')) - 1
  menu(server.name, number, {
    'lose it (it reboots)': (n) => ({ server_crash: { server: n } }),
    'lose it for good': (n) => ({ server_crash: { server: n, returns: false } }),
    'cut it off for a minute': () => ({ partition: { side: [server.name], lasts: '1m' } }),
    'lose a tenth of its packets for 5 minutes': () => ({ packet_loss: { side: [server.name], share: '10%', lasts: '5m' } }),
    'drain it': (n) => ({ drain: { server: n } }),
  })
}
const showClass = () => {
  if (!about.class) return
  const parts = []
  if (about.held) parts.push(make('p', {}, 'The teacher has paused the class.'))
  if (!about.predicted) {
    const form = make('form', {}, make('h2', {}, 'First: what do you expect?'))
    about.questions.forEach((question, number) => form.append(make('fieldset', {}, make('legend', {}, question.text),
      ...question.options.map((option, value) => make('label', {}, make('input', { type: 'radio', name: `q${number}`, value, required: '' }), ` ${option}`)))))
    form.append(make('button', {}, 'That is my prediction'))
    form.onsubmit = (event) => {
      event.preventDefault()
      send({ do: 'predict', choices: about.questions.map((_, number) => Number(new FormData(form).get(`q${number}`))) })
    }
    parts.push(form)
  } else if (about.answers) {
    parts.push(make('h2', {}, 'What was measured'), ...about.questions.map((question, number) => make('p', {},
      `${question.text} ${question.options[about.answers[number]]}. You said: ${question.options[about.choices[number]]}${about.answers[number] === about.choices[number] ? ', right.' : '.'}`)))
  } else parts.push(make('p', {}, `${about.name}: your prediction is kept until the teacher reveals the answers.`))
  $('class').replaceChildren(...parts)
  $('class').hidden = false
}
const toggle = () => send({ do: state.running ? 'pause' : 'run' })
$('run').onclick = toggle
$('jump').onclick = () => send({ do: 'jump' })
$('speed').onchange = () => send({ do: 'speed', times: Number($('speed').value) })
$('slider').onchange = () => send({ do: 'go', to: Number($('slider').value) })
$('do').onclick = () => send({ do: 'act', event: FAULTS[$('fault').value]($('target').value) })
$('rate').oninput = () => { $('rateout').textContent = Number($('rate').value).toFixed(1) }
$('rate').onchange = () => send({ do: 'act', event: { traffic: { rate: `${$('rate').value}/s` } } })
$('you').onchange = () => send({ do: 'take', platform: $('you').value === 'as modelled' ? null : $('you').value })
$('opening').onsubmit = (event) => {
  event.preventDefault()
  send({ do: 'open', opening: { scenario: $('scenario').value, platforms: new FormData($('opening')).getAll('platform'), seed: Number($('seed').value) } })
}
$('link').onclick = async () => {
  const text = link()
  try { await navigator.clipboard.writeText(text); say('the link is in the clipboard') } catch { location.hash = text.split('#')[1]; say('the link is in the address bar') }
}
$('fork').onclick = () => {
  const fork = window.open('', '_blank')
  if (!fork) { say('the browser has blocked the new window'); return }
  fork.sessionStorage.removeItem('token') // a copy of this one's: it is another seat
  fork.location = link()
}
const history_ = []
let place = 0
$('prompt').onsubmit = (event) => {
  event.preventDefault()
  const line = $('line').value.trim()
  if (!line) return
  history_.push(line)
  place = history_.length
  $('line').value = ''
  send({ do: 'type', line })
}
$('line').onkeydown = (event) => {
  if (event.key !== 'ArrowUp' && event.key !== 'ArrowDown') return
  event.preventDefault()
  place = Math.max(0, Math.min(history_.length, place + (event.key === 'ArrowUp' ? -1 : 1)))
  $('line').value = history_[place] || ''
}
document.addEventListener('keydown', (event) => {
  if (event.target.closest('input,select,textarea,button,dialog') || event.ctrlKey || event.metaKey || event.altKey) return
  if (event.key === ' ') { event.preventDefault(); toggle() }
  if (event.key === 'n') send({ do: 'jump' })
})
begin()
