package server

import (
	"context"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

const contentJSON = "application/json"

func (s *Server) newAPI(mux *http.ServeMux) *api {
	config := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Tall", Version: s.o.Version,
				Description: "Finds the moments in a library of videos that sentences describe. Times are seconds from a video's beginning. Errors are problem details (RFC 9457).",
			},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"bearer":  {Type: "http", Scheme: "bearer", Description: "A token of `tall token new`, with the scope read or write"},
					"session": {Type: "apiKey", In: "cookie", Name: sessionCookie, Description: "From POST /api/v1/session"},
				},
			},
		},
		Formats:       map[string]huma.Format{contentJSON: huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat: contentJSON,
	}
	return &api{API: humago.New(mux, config), s: s}
}

// requestKey finds the request in the context of an operation.
type requestKey struct{}

func requestOf(ctx context.Context) *http.Request {
	r, _ := ctx.Value(requestKey{}).(*http.Request)
	return r
}

// operation fills in what all of them have: who may call it, and the errors that any may end with.
func (a *api) operation(op huma.Operation, scope Scope) huma.Operation {
	op.RejectUnknownQueryParameters = true
	if op.Method == http.MethodPost {
		op.Errors = append(op.Errors, http.StatusBadRequest, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	op.Errors = append(op.Errors, http.StatusForbidden, http.StatusUnprocessableEntity, http.StatusMisdirectedRequest, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable)
	if scope != "" {
		op.Errors = append(op.Errors, http.StatusUnauthorized)
		op.Security = []map[string][]string{{"bearer": {string(scope)}}, {"session": {string(scope)}}}
	}
	op.Middlewares = append(op.Middlewares, func(ctx huma.Context, next func(huma.Context)) {
		have := scopeOf(ctx.Context())
		switch {
		case have.takes(scope):
			r, _ := humago.Unwrap(ctx)
			next(huma.WithValue(ctx, requestKey{}, r))
		case have == "":
			ctx.SetHeader("WWW-Authenticate", `Bearer realm="tall"`)
			_ = huma.WriteErr(a, ctx, http.StatusUnauthorized, "this server asks for a token: `tall token new` makes one")
		default:
			_ = huma.WriteErr(a, ctx, http.StatusForbidden, "the token is for reading; this needs one made with --scope write")
		}
	})
	slices.Sort(op.Errors)
	op.Errors = slices.Compact(op.Errors)
	return op
}

// handle registers an operation whose answer huma writes.
func handle[I, O any](a *api, op huma.Operation, scope Scope, do func(ctx context.Context, in *I) (*O, error)) {
	huma.Register(a, a.operation(op, scope), func(ctx context.Context, in *I) (*O, error) {
		out, err := do(ctx, in)
		if err != nil {
			return nil, a.s.humaError(requestOf(ctx), err)
		}
		return out, nil
	})
}

// handleRaw registers an operation that writes its answer itself. Responses tells the types
// of its contents, by status.
func handleRaw[I any](a *api, op huma.Operation, scope Scope, responses map[int][]content, do func(w http.ResponseWriter, r *http.Request, in *I) error) {
	op.Responses = map[string]*huma.Response{}
	op.DefaultStatus = slices.Min(slices.Collect(maps.Keys(responses))) // else huma adds one that is never answered
	for status, contents := range responses {
		response := &huma.Response{Description: http.StatusText(status)}
		for _, c := range contents {
			if response.Content == nil {
				response.Content = map[string]*huma.MediaType{}
			}
			response.Content[c.kind] = &huma.MediaType{Schema: a.schema(c.body)}
		}
		op.Responses[strconv.Itoa(status)] = response
	}
	huma.Register(a, a.operation(op, scope), func(_ context.Context, in *I) (*huma.StreamResponse, error) {
		return &huma.StreamResponse{Body: func(ctx huma.Context) {
			r, w := humago.Unwrap(ctx)
			out := &recorder{ResponseWriter: w}
			err := do(out, r, in)
			if err == nil {
				return
			}
			if out.status != 0 {
				panic(http.ErrAbortHandler) // so that the answer is seen to be cut off
			}
			a.s.fail(w, r, err)
		}}, nil
	})
}

// content is a type of answer, and a value of the Go type of its body: nil is bytes.
type content struct {
	kind string
	body any
}

func (a *api) schema(body any) *huma.Schema {
	if body == nil {
		return &huma.Schema{Type: huma.TypeString, Format: "binary"}
	}
	return a.OpenAPI().Components.Schemas.Schema(reflect.TypeOf(body), true, "")
}
