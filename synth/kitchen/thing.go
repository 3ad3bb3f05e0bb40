package kitchen

// Kind is what a thing is.
type Kind string

// The kinds of things.
const (
	Bowl   Kind = "bowl"
	Cup    Kind = "cup"
	Plate  Kind = "plate"
	Pan    Kind = "pan"
	Pot    Kind = "pot"
	Jug    Kind = "jug"
	Bottle Kind = "bottle"

	Egg      Kind = "egg"
	Cucumber Kind = "cucumber"
	Carrot   Kind = "carrot"
	Tomato   Kind = "tomato"
	Pepper   Kind = "pepper"
	Onion    Kind = "onion"
	Apple    Kind = "apple"
	Lemon    Kind = "lemon"
	Potato   Kind = "potato"
	Bread    Kind = "bread"
	Cheese   Kind = "cheese"
	Eggplant Kind = "eggplant"

	Cloth  Kind = "cloth"
	Shaker Kind = "shaker"

	Fridge    Kind = "fridge"
	Cupboard  Kind = "cupboard"
	Microwave Kind = "microwave"
)

// thing is something in the scene, as it is at one moment.
type thing struct {
	kind  Kind
	color Color

	at     point   // middle of its foot; things with a larger y stand in front
	lift   float64 // height of the foot above the counter
	angle  float64 // clockwise, about the middle of the thing
	hidden bool
	held   bool // in a hand: in front of what stands
	mirror bool // left and right exchanged

	cut, peeled float64 // how much of it, 0 to 1
	fill        float64 // of a vessel, 0 to 1
	liquid      rgb
	swirl       float64 // how far its content was stirred, radians
	open        float64 // of a door, 0 to 1
	yolks       int     // in a vessel
	speckles    rgb     // what was sprinkled into it
	sprinkled   float64 // and how much
}

// extent is how wide and high a thing of this kind is, in the front row.
func (k Kind) extent() (w, h float64) {
	switch k {
	case Bowl:
		return 50, 26
	case Cup:
		return 23, 24
	case Plate:
		return 54, 9
	case Pan:
		return 54, 14
	case Pot:
		return 46, 32
	case Jug:
		return 28, 42
	case Bottle:
		return 17, 50
	case Egg:
		return 13, 17
	case Cucumber:
		return 52, 13
	case Carrot:
		return 48, 13
	case Tomato:
		return 25, 22
	case Pepper:
		return 26, 30
	case Onion:
		return 25, 25
	case Apple:
		return 24, 25
	case Lemon:
		return 27, 19
	case Potato:
		return 31, 20
	case Bread:
		return 50, 25
	case Cheese:
		return 36, 22
	case Eggplant:
		return 50, 20
	case Cloth:
		return 34, 8
	case Shaker:
		return 13, 24
	case Fridge:
		return 62, 118
	case Cupboard:
		return 66, 54
	case Microwave:
		return 56, 34
	}
	return 20, 20
}

// depth is the scale of things that stand at a height y of the picture: those behind
// are smaller.
func depth(y float64) float64 { return 1.12 + (y-140)*0.0052 }

// size is the thing's scale; furniture stands at the wall and is as large as it is.
func (t *thing) size() float64 {
	switch t.kind {
	case Fridge, Cupboard, Microwave:
		return 1
	}
	return depth(t.at.y)
}

// frame is the map from the thing's own coordinates, its foot at (0, 0), into the scene.
func (t *thing) frame(m affine) affine {
	k := t.size()
	_, h := t.kind.extent()
	m = m.shift(t.at.x, t.at.y-t.lift).scale(k, k)
	if t.angle != 0 {
		m = m.shift(0, -h/2).turn(t.angle).shift(0, h/2)
	}
	if t.mirror {
		m = m.scale(-1, 1)
	}
	return m
}

// top is where a hand takes the thing.
func (t *thing) top() point {
	w, h := t.kind.extent()
	k := depth(t.at.y)
	switch t.kind {
	case Pan:
		return point{t.at.x + (w/2+12)*k, t.at.y - t.lift - 10*k}
	case Jug:
		return point{t.at.x + (w/2+4)*k, t.at.y - t.lift - h*0.55*k}
	case Bottle, Shaker:
		return point{t.at.x, t.at.y - t.lift - h*0.5*k}
	case Plate:
		return point{t.at.x + w*0.46*k, t.at.y - t.lift - 4*k}
	case Bowl, Pot, Cup:
		return point{t.at.x + w*0.46*k, t.at.y - t.lift - h*0.62*k}
	}
	return point{t.at.x, t.at.y - t.lift - h*0.7*k}
}

// mouth is the middle of a vessel's opening.
func (t *thing) mouth() point {
	_, h := t.kind.extent()
	k := depth(t.at.y)
	return point{t.at.x, t.at.y - t.lift - h*k}
}

// draw draws the thing with its shadow.
func (t *thing) draw(c *canvas, m affine) {
	if t.hidden {
		return
	}
	w, _ := t.kind.extent()
	k := depth(t.at.y)
	switch t.kind {
	case Fridge, Cupboard, Microwave:
	default:
		soft := 1 / (1 + t.lift/14)
		c.glow(m, t.at.x+3, t.at.y-1, w*k*0.66*(1+t.lift/90), 7*k*(1+t.lift/90), shadow, 0.5*soft)
	}
	f := t.frame(m)
	switch t.kind {
	case Bowl:
		t.drawBowl(c, f)
	case Cup:
		t.drawCup(c, f)
	case Plate:
		t.drawPlate(c, f)
	case Pan:
		t.drawPan(c, f)
	case Pot:
		t.drawPot(c, f)
	case Jug:
		t.drawJug(c, f)
	case Bottle:
		t.drawBottle(c, f)
	case Egg:
		drawEgg(c, f, t.color.rgb())
	case Cloth:
		t.drawCloth(c, f)
	case Shaker:
		t.drawShaker(c, f)
	case Fridge:
		t.drawFridge(c, f)
	case Cupboard:
		t.drawCupboard(c, f)
	case Microwave:
		t.drawMicrowave(c, f)
	default:
		t.drawFood(c, f)
	}
}
