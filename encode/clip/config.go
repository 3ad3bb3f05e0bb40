package clip

const maxConfigBytes = 1 << 20
