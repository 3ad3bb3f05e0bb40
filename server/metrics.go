package server

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are the server's numbers.
type metrics struct {
	handler   http.Handler
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
	searches  prometheus.Histogram
	listeners prometheus.Gauge
	playing   prometheus.Gauge
	denied    prometheus.Counter
}

func newMetrics(s *Server) *metrics {
	seconds := []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
	m := &metrics{
		requests:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tall_http_requests_total", Help: "Requests, by route, method and status."}, []string{"route", "method", "status"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "tall_http_request_seconds", Help: "Time until a request was answered as a whole, by route; streams of events aside.", Buckets: seconds}, []string{"route"}),
		searches:  prometheus.NewHistogram(prometheus.HistogramOpts{Name: "tall_search_seconds", Help: "Time of a search, without its waiting.", Buckets: seconds}),
		listeners: prometheus.NewGauge(prometheus.GaugeOpts{Name: "tall_event_listeners", Help: "Clients that listen to events."}),
		playing:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "tall_videos_playing", Help: "Videos that are being sent."}),
		denied:    prometheus.NewCounter(prometheus.CounterOpts{Name: "tall_wrong_tokens_total", Help: "Tokens shown that there are not."}),
	}
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.requests, m.durations, m.searches, m.listeners, m.playing, m.denied, libraryCollector{s})
	m.handler = promhttp.HandlerFor(r, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
	return m
}

// libraryCollector counts the library's videos when it is asked.
type libraryCollector struct{ s *Server }

func videosDesc() *prometheus.Desc {
	return prometheus.NewDesc("tall_library_videos", "Videos of the library, by state.", []string{"state"}, nil)
}

func secondsDesc() *prometheus.Desc {
	return prometheus.NewDesc("tall_library_seconds", "Length of all videos.", nil, nil)
}

// Describe implements [prometheus.Collector].
func (libraryCollector) Describe(c chan<- *prometheus.Desc) {
	c <- videosDesc()
	c <- secondsDesc()
}

// Collect implements [prometheus.Collector].
func (l libraryCollector) Collect(c chan<- prometheus.Metric) {
	ctx, cancel := l.s.bounded(context.Background(), 2*time.Second)
	defer cancel()
	o, err := l.s.o.Library.Overview(ctx)
	if err != nil {
		l.s.log.Warn("counting videos", "error", err)
		return
	}
	for state, n := range o.States {
		c <- prometheus.MustNewConstMetric(videosDesc(), prometheus.GaugeValue, float64(n), string(state))
	}
	c <- prometheus.MustNewConstMetric(secondsDesc(), prometheus.GaugeValue, o.Seconds)
}

type routeKey struct{}

// routeInfo is filled in once it is known where a request goes.
type routeInfo struct{ pattern string }

// otherMethod stands for methods that nobody has heard of, so that clients cannot make
// labels.
const otherMethod = "other"

// refusedPause is how long a client may go on sending what was refused, so that it sees
// the answer before the connection ends.
const refusedPause = time.Second

// measured counts requests.
func (s *Server) measured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		info := &routeInfo{pattern: "none"}
		out := &recorder{ResponseWriter: w}
		begun := time.Now()
		defer func() {
			status, method := out.status, r.Method
			if status == 0 {
				status = statusClosed
			}
			if status >= 400 {
				// The rest of a body that was refused is not waited for.
				_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(refusedPause))
			}
			switch method {
			case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete, http.MethodPut, http.MethodPatch, http.MethodOptions:
			default:
				method = otherMethod
			}
			s.metrics.requests.WithLabelValues(info.pattern, method, strconv.Itoa(status)).Inc()
			if out.Header().Get("Content-Type") != contentEvents {
				s.metrics.durations.WithLabelValues(info.pattern).Observe(time.Since(begun).Seconds())
			}
			if status >= 500 {
				s.log.Warn("request", "method", r.Method, "path", r.URL.Path, "status", status, "took", time.Since(begun))
			} else {
				s.log.Debug("request", "method", r.Method, "path", r.URL.Path, "status", status, "took", time.Since(begun))
			}
		}()
		next.ServeHTTP(out, r.WithContext(context.WithValue(r.Context(), routeKey{}, info)))
	})
}
